import assert from "node:assert/strict";

import { caddyfile, type SiteArgs, siteFiles } from "../../components/caddyfile";
import { maintenancePage } from "../../components/maintenance-page";
import { assertGolden } from "../support/golden-text";

const site: SiteArgs = {
  domain: "erp.example.com",
  tls: "acme",
  acmeEmail: "ops@example.com",
  acmeServer: "",
  acmeRoots: "",
  bodyMegabytes: 128,
};

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

// What Caddy makes of this text is shown by test/e2e/proxy.test.ts.
describe("the proxy's configuration", () => {
  it("reads as it is committed", () => assertGolden("vps/Caddyfile", render()));

  it("names the site, also by an IPv6 address", () => {
    assert.match(render(), /^https:\/\/erp\.example\.com \{$/m);
    assert.match(render({ domain: "2001:db8::9" }), /^https:\/\/\[2001:db8::9\] \{$/m);
    assert.match(render({ domain: "203.0.113.9" }), /^\tdefault_sni 203\.0\.113\.9$/m);
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
    const files = (changes: Partial<SiteArgs>) => siteFiles({ ...site, tlsCertificate: "certificate", ...changes }, "host");
    const named = { acmeServer: "https://ca.example.com/acme/directory", acmeRoots: "roots" };
    assert.deepEqual(files({}), { Caddyfile: render() });
    assert.deepEqual(files(named), { Caddyfile: render(named), "acme-roots.pem": "roots" });
    assert.deepEqual(files({ ...named, tls: "files" }), { Caddyfile: render({ tls: "files" }), "tls.pem": "certificate" });
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

  it("refuses larger bodies than the setting allows", () => {
    assert.match(block(render({ bodyMegabytes: 7 }), "request_body {"), /max_size 7MB/);
    assert.match(render({ bodyMegabytes: 7 }), /larger than the 7 MB/);
  });

  it("looks whether it is closed before anything else", () => {
    const route = block(render(), "route {");
    const order = ["@closed file", "handle @closed", "@database path_regexp", "handle @database", "request_body", "@live path", "handle {"];
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

  it("retries only what did not reach Odoo", () => {
    const upstream = block(render(), "(odoo) {");
    assert.match(upstream, /lb_retry_match \{\s+method NONE\s+\}/);
    assert.match(upstream, /keepalive off/);
    assert.match(block(render(), "handle {"), /import odoo 8069 30s/);
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
