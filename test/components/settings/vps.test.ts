import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { inspect } from "node:util";

import { ShipError } from "../../../components/shared/errors";
import { readSettings } from "../../../settings";

const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const authority = fs.readFileSync(path.join(__dirname, "..", "..", "fixtures", "authority.pem"), "utf8");
const privateKey = "-----BEGIN PRIVATE KEY-----\nplanted-key\n-----END PRIVATE KEY-----\n";
const hostKey = `ssh-ed25519 AAAA${"C".repeat(64)}`;

const stack = { "odoo:environment": "staging", "registry:kind": "digitalocean", "registry:repository": "team/odoo" };
const site = { "vps:domain": "erp.example.com" };
const adopt = { ...stack, ...site, "vps:mode": "adopt", "vps:host": "198.51.100.4", "vps:hostKey": hostKey };
const create = {
  ...stack,
  ...site,
  "vps:mode": "create",
  "vps:region": "fra1",
  "vps:size": "s-2vcpu-4gb",
  "vps:sshFrom": '["203.0.113.0/24", "2001:db8::/32"]',
};
const secrets = ["vps:privateKey", "vps:tlsKey", "backup:privateKey"];

type Variables = Record<string, string | undefined>;
const variables: Variables = { DIGITALOCEAN_TOKEN: "t", VPS_SSH_PRIVATE_KEY: privateKey };

function read(config: Record<string, string>, environment: Variables = variables, secretKeys = secrets) {
  return readSettings({ config, secretKeys: new Set(secretKeys), environment });
}

/** The lines that the refusal finds. */
function problems(config: Record<string, string>, environment?: Variables, secretKeys?: string[]): string[] {
  try {
    read(config, environment, secretKeys);
  } catch (error) {
    assert.ok(error instanceof ShipError && error.code === "SETTINGS_INVALID", String(error));
    return error.failure.found.split("\n");
  }
  return [];
}

/** The keys of the problems, sorted. */
function keys(...args: Parameters<typeof problems>): string[] {
  return problems(...args)
    .map((line) => line.split(": ", 1)[0] ?? "")
    .sort();
}

describe("the settings of a VPS", () => {
  it("are not needed by a stack without one", () => {
    const { vps, odoo, release, backup } = read(stack);
    assert.equal(vps.mode, "none");
    assert.partialDeepStrictEqual(odoo, { database: "odoo", modules: [], demoData: false });
    assert.deepEqual(release, {
      additive: false,
      egress: [],
      rehearse: true,
      upgradeMinutes: 60,
      readySeconds: 120,
      restore: "",
      unstaged: "",
      keepPoints: 5,
    });
    assert.equal(backup.destination, "");
  });

  it("take an adopted and a created host, without any module to install", () => {
    assert.deepEqual(problems(adopt), []);
    assert.deepEqual(problems(create), []);
    assert.deepEqual(read(create).vps.sshFrom, ["203.0.113.0/24", "2001:db8::/32"]);
    assert.equal(read(create).vps.image, "ubuntu-24-04-x64");
  });

  it("name all that an adopted host lacks", () => {
    const config = { ...stack, "vps:mode": "adopt" };
    assert.deepEqual(keys(config, { DIGITALOCEAN_TOKEN: "t" }), [
      "vps:domain",
      "vps:host",
      "vps:hostKey",
      "vps:privateKey",
    ]);
  });

  it("name all that a created host lacks", () => {
    const config = {
      ...stack,
      ...site,
      "vps:mode": "create",
      "registry:kind": "generic",
      "registry:host": "r.example.com",
      "registry:username": "u",
    };
    const lacking = ["digitalocean:token", "vps:privateKey", "vps:region", "vps:size", "vps:sshFrom"];
    assert.deepEqual(keys(config, { REGISTRY_PASSWORD: "p" }), lacking);
  });

  it("tell of a wrong key once, not also as missing", () => {
    assert.deepEqual(keys({ ...adopt, "vps:host": "root@host" }), ["vps:host"]);
    assert.deepEqual(keys({ ...adopt, "vps:domain": "https://erp" }), ["vps:domain"]);
  });

  it("want memory and processors beside a size that does not tell them", () => {
    assert.deepEqual(keys({ ...create, "vps:size": "custom-large" }), ["vps:size"]);
    assert.deepEqual(problems({ ...create, "vps:size": "custom-large", "vps:memoryMiB": "8192", "vps:cpus": "4" }), []);
  });

  it("take several names, in lower case, and each of them once", () => {
    const names = {
      ...adopt,
      "vps:domain": "ERP.Example.com",
      "vps:aliases": '["Shop.Example.org"]',
      "vps:redirectFrom": '["www.example.com"]',
    };
    assert.deepEqual(problems(names), []);
    const { domain, aliases, redirectFrom } = read(names).vps;
    assert.deepEqual([domain, aliases, redirectFrom], ["erp.example.com", ["shop.example.org"], ["www.example.com"]]);
    assert.deepEqual(keys({ ...names, "vps:aliases": '["erp.example.com"]' }), ["vps:aliases"]);
    assert.deepEqual(keys({ ...names, "vps:redirectFrom": '["SHOP.example.org"]' }), ["vps:redirectFrom"]);
    assert.deepEqual(keys({ ...names, "vps:redirectFrom": '["www.local"]' }), ["vps:tls"]);
    const files = { "vps:tls": "files", "vps:tlsCertificate": authority, "vps:tlsKey": privateKey };
    assert.deepEqual(keys({ ...names, ...files }), ["vps:tlsCertificate"]);
  });

  it("refuse a proxy in front that is everybody", () => {
    assert.deepEqual(problems({ ...adopt, "vps:trustedProxies": '["173.245.48.0/20"]' }), []);
    assert.deepEqual(keys({ ...adopt, "vps:trustedProxies": '["173.245.48.0/20", "0.0.0.0/0"]' }), [
      "vps:trustedProxies",
    ]);
  });

  it("refuse a public certificate for what can have none", () => {
    for (const domain of ["203.0.113.9", "2001:db8::9", "localhost", "erp.internal", "erp.home.arpa", "odoo.test"]) {
      assert.deepEqual(keys({ ...adopt, "vps:domain": domain }), ["vps:tls"], domain);
      assert.deepEqual(problems({ ...adopt, "vps:domain": domain, "vps:tls": "internal" }), [], domain);
    }
  });

  it("take another ACME authority, the company's own too, with what it is believed by", () => {
    const server = "https://ca.corp.internal:9000/acme/acme/directory";
    const own = {
      ...adopt,
      "vps:domain": "erp",
      "vps:acmeServer": server,
      "vps:acmeRoots": `${authority}${authority}`,
    };
    assert.deepEqual(problems(own), []);
    assert.deepEqual([read(own).vps.acmeServer, read(own).vps.acmeRoots], [server, `${authority}${authority}`]);
    const staging = { ...adopt, "vps:acmeServer": "https://acme-staging-v02.api.letsencrypt.org/directory" };
    assert.deepEqual(problems(staging), []);
    assert.deepEqual(keys({ ...staging, "vps:domain": "erp" }), ["vps:tls"]);
    assert.deepEqual(keys({ ...adopt, "vps:acmeRoots": authority }), ["vps:acmeRoots"]);
    assert.deepEqual(keys({ ...own, "vps:acmeRoots": `${authority}${privateKey}` }), ["vps:acmeRoots"]);
  });

  it("want certificate and key together with tls files", () => {
    const files = { ...adopt, "vps:tls": "files" };
    assert.deepEqual(keys(files), ["vps:tlsCertificate", "vps:tlsKey"]);
    assert.deepEqual(problems({ ...files, "vps:tlsCertificate": certificate, "vps:tlsKey": privateKey }), []);
    assert.deepEqual(problems({ ...files, "vps:tlsCertificate": certificate, "vps:tlsKey": "planted" }), [
      "vps:tlsKey: [secret]: is not a private key in PEM format",
    ]);
  });

  it("want to know where Fluentd is", () => {
    assert.deepEqual(keys({ ...adopt, "vps:logging": "fluentd" }), ["vps:fluentdAddress"]);
    assert.deepEqual(
      problems({ ...adopt, "vps:logging": "fluentd", "vps:fluentdAddress": "logs.example.com:24224" }),
      [],
    );
  });

  it("want the key of the host that dumps go to, and one to log in with", () => {
    const backup = { ...stack, "backup:destination": "ssh://dump@backup.example.com:2222/srv/odoo" };
    assert.deepEqual(keys(backup), ["backup:hostKey", "backup:privateKey"]);
    assert.deepEqual(problems({ ...backup, "backup:hostKey": hostKey, "backup:privateKey": privateKey }), []);
  });

  it("want no rehearsal where a release's programs have a way out, which its copy would have, too", () => {
    const ways = { ...stack, "release:egress": '["203.0.113.0/24:443", "[2001:db8::/48]:443"]' };
    assert.deepEqual(keys(ways), ["release:egress"]);
    assert.match(problems(ways)[0] ?? "", /set release:rehearse to false/);
    assert.deepEqual(problems({ ...ways, "release:rehearse": "false" }), []);
  });

  it("allow demonstration data in a sandbox only", () => {
    assert.deepEqual(keys({ ...stack, "odoo:demoData": "true" }), ["odoo:demoData"]);
    const sandbox = { ...stack, "odoo:environment": "sandbox", "registry:host": "127.0.0.1:5000" };
    assert.deepEqual(problems({ ...sandbox, "odoo:demoData": "true" }), []);
  });

  it("refuse secrets that stand in plain, without showing them", () => {
    const config = {
      ...adopt,
      "vps:privateKey": privateKey,
      "vps:tlsKey": privateKey,
      "backup:privateKey": privateKey,
    };
    const lines = problems(config, variables, []).sort();
    assert.deepEqual(
      lines.map((line) => /^(\S+): stands in plain;/.exec(line)?.[1]),
      [...secrets].sort(),
    );
    assert.ok(!lines.join("\n").includes("planted-key"));
  });

  it("wrap secrets, so that none is printed by accident", () => {
    const settings = read({ ...adopt, "vps:tlsKey": privateKey, "backup:privateKey": privateKey });
    assert.equal(settings.vps.privateKey?.reveal(), privateKey);
    assert.equal(settings.vps.tlsKey?.reveal(), privateKey);
    assert.equal(settings.backup.privateKey?.reveal(), privateKey);
    for (const shown of [inspect(settings, { depth: 9 }), JSON.stringify(settings)]) {
      assert.ok(!shown.includes("planted-key"));
    }
  });

  it("prefer the encrypted key to the variable", () => {
    const other = privateKey.replace("planted", "other");
    assert.equal(read({ ...adopt, "vps:privateKey": other }).vps.privateKey?.reveal(), other);
  });
});
