import assert from "node:assert/strict";

import type { SiteArgs } from "../../../components/proxy/site";
import { caddyfile, siteFiles } from "../../../components/proxy/caddyfile";
import { maintenancePage } from "../../../components/proxy/maintenance-page";
import { assertGolden } from "../../support/golden-text";
import { usualSite } from "../../support/site";

const site: SiteArgs = { ...usualSite, acmeEmail: "ops@example.com" };

function render(changes: Partial<SiteArgs> = {}): string {
  return caddyfile({ ...site, ...changes });
}

/** Text of the block that begins with the given line, without that line. */
function block(text: string, first: string): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.trim() === first);
  assert.ok(start >= 0, `${first} is not there`);
  const indent = /^\t*/.exec(lines[start] ?? "")?.[0] ?? "";
  const end = lines.findIndex((line, index) => index > start && line === `${indent}}`);
  return lines.slice(start + 1, end).join("\n");
}

// What Caddy makes of this text is shown by test/e2e/image/proxy.test.ts.
describe("the proxy's configuration", () => {
  it("reads as it is committed", () => assertGolden("vps/Caddyfile", render()));

  it("names the site, also by an IPv6 address", () => {
    assert.match(render(), /^https:\/\/erp\.example\.com \{$/m);
    assert.match(render({ domain: "2001:db8::9" }), /^https:\/\/\[2001:db8::9\] \{$/m);
    assert.match(render({ domain: "203.0.113.9" }), /^\tdefault_sni 203\.0\.113\.9$/m);
  });

  it("in a cluster refuses in less than half a second where no pod answers: there, that is how the door is closed", () => {
    const text = caddyfile(site, "cluster");
    const waits = [...text.matchAll(/import odoo \d+ (\S+)/g)].map(([, wait]) => wait ?? "");
    assert.ok(waits.length >= 4);
    assert.match(text, /lb_try_interval 250ms/);
    // Caddy looks at the time after each try, and sleeps for a whole interval before the next: so this is one more try.
    for (const wait of waits) assert.ok(/^\d+ms$/.test(wait) && parseInt(wait) < 250, wait);
    // On a host the door is a file that is looked at before; there a request waits for the next container.
    assert.match(render(), /import odoo 8069 30s/);
  });

  it("serves its other names as it does the first, with a certificate of the same kind, and sends on from others", () => {
    const names = { aliases: ["shop.example.org"], redirectFrom: ["www.example.com", "example.com"] };
    const text = render({ ...names, tls: "internal" });
    assert.match(text, /^https:\/\/erp\.example\.com, https:\/\/shop\.example\.org \{\n\ttls internal$/m);
    const sent = block(text, "https://www.example.com, https://example.com {");
    assert.equal(sent, "\ttls internal\n\timport headers\n\tredir https://erp.example.com{uri} 308");
    assert.ok(!render().includes("redir "));
  });

  it("believes a proxy in front, and no header but one", () => {
    const text = render({ trustedProxies: ["173.245.48.0/20", "2400:cb00::/32"] });
    assert.match(text, /^\t\ttrusted_proxies static 173\.245\.48\.0\/20 2400:cb00::\/32$/m);
    assert.match(text, /^\t\ttrusted_proxies_strict\n\t\tclient_ip_headers X-Forwarded-For$/m);
    assert.ok(!render().includes("trusted_proxies"));
  });

  it("takes its certificate from where the setting says", () => {
    const tls = (kind: SiteArgs["tls"]) => /^\ttls .*$/m.exec(render({ tls: kind }))?.[0];
    assert.equal(tls("acme"), undefined);
    assert.equal(tls("internal"), "\ttls internal");
    assert.equal(tls("files"), "\ttls /etc/caddy/tls.pem /run/secrets/tls-key");
  });

  it("asks another authority if one is named, which is believed by what is given", () => {
    const server = "https://ca.example.com/acme/directory";
    const named = { acmeServer: server, acmeRoots: "roots" };
    assert.equal(block(render(named), "tls {"), `\t\tca ${server}\n\t\tca_root /etc/caddy/acme-roots.pem`);
    assert.equal(block(render({ acmeServer: server }), "tls {"), `\t\tca ${server}`);
    for (const tls of ["internal", "files"] as const) {
      assert.equal(render({ ...named, tls }), render({ tls }));
    }
  });

  it("comes with the files that it names", () => {
    const files = (changes: Partial<SiteArgs>) =>
      siteFiles({ ...site, tlsCertificate: "certificate", ...changes }, "host");
    const named = { acmeServer: "https://ca.example.com/acme/directory", acmeRoots: "roots" };
    assert.deepEqual(files({}), { Caddyfile: render() });
    assert.deepEqual(files(named), { Caddyfile: render(named), "acme-roots.pem": "roots" });
    assert.deepEqual(files({ ...named, tls: "files" }), {
      Caddyfile: render({ tls: "files" }),
      "tls.pem": "certificate",
    });
  });

  it("makes an authority of its own only where one is asked for", () => {
    // Either line would make Caddy create one.
    const own = (kind: SiteArgs["tls"]) => /skip_install_trust|tls internal/.test(render({ tls: kind }));
    assert.deepEqual([own("acme"), own("files"), own("internal")], [false, false, true]);
  });

  it("names an ACME contact if there is one", () => {
    assert.match(render(), /^\temail ops@example\.com$/m);
    assert.ok(!/^\s*email/m.test(render({ acmeEmail: "" })));
  });

  it("takes a body in whole before Odoo hears of it, and no larger one than its path needs", () => {
    const text = render({ bodyMegabytes: 7, rpcBodyMegabytes: 3 });
    // Each way to Odoo, and what is before it.
    const ways = [...text.matchAll(/import body (\S+) (\S+) (\S+)\n(?:(?!import)[\s\S])*?import odoo (\d+)/g)].map(
      (found) => found.slice(1),
    );
    assert.deepEqual(ways, [
      ["3MB", "30s", "64KB", "8069"],
      ["64KiB", "15s", "0", "8069"],
      ["64KiB", "15s", "0", "8069"],
      ["1MB", "15s", "0", "8072"],
      ["1MB", "30s", "64KB", "8069"],
      ["7MB", "1m", "16KB", "8069"],
      // From the host itself.
      ["7MB", "1m", "16KB", "8069"],
    ]);
    assert.equal(text.match(/^\s*import odoo /gm)?.length, ways.length, "there is a way to Odoo past the limits");
    assert.match(block(text, "odoo_body {"), /room 270MB/);
    assert.match(render({ bodyMegabytes: 7, rpcBodyMegabytes: 900 }), /room 2056MB/);
  });

  it("counts wrong passwords at each way in, and calls of programs", () => {
    const brakes = (changes: Partial<SiteArgs>) =>
      [...render(changes).matchAll(/odoo_brake (.*)/g)].map(([, words]) => words);
    assert.deepEqual(brakes({}), [
      "@xmlrpc xmlrpc 19 3000",
      "@jsonrpc jsonrpc 19 3000",
      "@json bearer 19 3000",
      "form 19",
      "session 19",
    ]);
    assert.deepEqual(brakes({ wrongPasswords: 5, rpcCalls: 0 }), [
      "@xmlrpc xmlrpc 5",
      "@jsonrpc jsonrpc 5",
      "@json bearer 5",
      "form 5",
      "session 5",
    ]);
  });

  it("finds the ways in, however the address is written", () => {
    const matcher = (name: string) =>
      new RegExp(new RegExp(`@${name} path_regexp \\(\\?i\\)(\\S+)`).exec(render())?.[1] ?? "^$", "i");
    const found = (path: string) => ["rpc", "login", "session"].filter((name) => matcher(name).test(path)).join();
    for (const path of [
      "/xmlrpc/2/common",
      "/xmlrpc/common",
      "//xmlrpc//2/object",
      "/XmlRpc/2/common",
      "/en/xmlrpc/2/common",
      "/jsonrpc",
      "/JSONRPC",
      "/json/2/res.users/read",
      "/json//2/x",
    ]) {
      assert.equal(found(path), "rpc", path);
    }
    for (const path of [
      "/web/login",
      "/web//login",
      "/WEB/Login",
      "/en/web/login",
      "/fr_FR/web/login",
      "/web/login/totp",
      "/web/signup",
      "/web/reset_password",
    ]) {
      assert.equal(found(path), "login", path);
    }
    assert.equal(found("/web/session/authenticate"), "session");
    for (const path of [
      "/web",
      "/odoo",
      "/web/session/get_session_info",
      "/web/dataset/call_kw",
      "/json/2a",
      "/web/static/src/json/x.json",
      "/shop/xmlrpcs",
    ]) {
      assert.equal(found(path), "", path);
    }
  });

  it("refuses other addresses than those that are named, for everything and for programs", () => {
    assert.ok(!/not client_ip/.test(render()));
    const text = render({ allowFrom: ["203.0.113.0/24", "2001:db8::/32"], rpcAllowFrom: ["203.0.113.7/32"] });
    assert.match(text, /^\t\t@outsider not client_ip 203\.0\.113\.0\/24 2001:db8::\/32$/m);
    assert.match(block(text, "handle @rpc {"), /@rpc_stranger not client_ip 203\.0\.113\.7\/32\n/);
    // Plain HTTP has no such rule: an authority's question comes from anywhere.
    assert.ok(!block(text, "http://, https:// {").includes("client_ip"));
  });

  it("believes in a cluster those whose word it is told to take for an address", () => {
    const allow = (changes: Partial<SiteArgs>) =>
      /^\t\t\t\tallow (.*)$/m.exec(caddyfile({ ...site, ...changes }, "cluster"))?.[1];
    assert.equal(allow({}), "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7");
    assert.equal(allow({ proxyFrom: ["10.114.0.0/20"] }), "10.114.0.0/20");
    assert.equal(render({ proxyFrom: ["10.114.0.0/20"] }), render());
  });

  it("looks whether it is closed before anything else", () => {
    const route = block(render(), "route {");
    const order = [
      "@closed file",
      "handle @closed",
      "@database path_regexp",
      "handle @database",
      "handle @rpc",
      "handle @login",
      "@live path",
      "handle {",
    ];
    const places = order.map((text) => route.indexOf(text));
    assert.ok(!places.includes(-1), places.join());
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    );
  });

  it("leaves no way to manage databases, however the address is written", () => {
    const pattern = /@database path_regexp \(\?i\)(\S+)/.exec(render())?.[1];
    assert.ok(pattern !== undefined);
    const blocked = new RegExp(pattern, "i");
    // As Caddy compares them: decoded.
    const bad = [
      "/web/database",
      "/web/database/manager",
      "/web//database/selector",
      "//web/database",
      "/WEB/Database/drop",
      "/en/web/database/manager",
      "/xmlrpc/db",
      "/xmlrpc/2/db",
      "/xmlrpc//2//DB",
    ];
    const good = [
      "/web",
      "/web/login",
      "/web/dataset/call_kw",
      "/xmlrpc/2/common",
      "/xmlrpc/2/object",
      "/jsonrpc",
      "/shop/database",
      "/websocket",
    ];
    assert.deepEqual(
      bad.filter((path) => !blocked.test(path)),
      [],
    );
    assert.deepEqual(
      good.filter((path) => blocked.test(path)),
      [],
    );
  });

  it("lets nobody past the closed door, on the host itself either", () => {
    for (const site of ["https://erp.example.com {", "http://:8070 {"]) {
      const text = block(render(), site);
      const closed = text.indexOf("handle @closed");
      assert.ok(closed > 0 && closed < text.search(/import odoo|reverse_proxy/), site);
    }
    assert.doesNotMatch(caddyfile(site, "cluster"), /:8070 \{/);
    // Held requests go there, and must find nobody.
    assert.doesNotMatch(render(), /:8069 \{/);
  });

  it("retries only what did not reach Odoo", () => {
    const upstream = block(render(), "(odoo) {");
    assert.match(upstream, /lb_retry_match \{\s+method NONE\s+\}/);
    assert.match(upstream, /keepalive off/);
    assert.equal(render().match(/import odoo 8069 30s/g)?.length, 6);
    assert.match(block(render(), "handle @live {"), /import odoo 8072 10s/);
  });

  it("has no admin API, and no access log", () => {
    assert.match(render(), /^\tadmin off$/m);
    // A site's own log directive is what would switch the access log on.
    assert.ok(!/^\s+log\b/m.test(block(render(), "https://erp.example.com {")));
  });
});

describe("the maintenance page", () => {
  it("loads nothing, since whatever it named would be closed too", () => {
    assert.ok(!/\b(src|href)\s*=|url\(|@import|<script/i.test(maintenancePage));
    assert.match(maintenancePage, /^<!doctype html>/);
  });

  it("has nothing that the proxy would take for a placeholder of its own", () => {
    assert.ok(!/\{(http|env|file|system|time|err|args)\b/.test(maintenancePage));
  });
});
