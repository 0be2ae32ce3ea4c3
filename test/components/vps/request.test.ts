import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { outsideOf } from "../../../components/shared/egress";
import {
  hostRequest,
  hostRequestSchema,
  type HostRequest,
  type HostRequestArgs,
} from "../../../components/vps/request";
import { readSettings } from "../../../settings";

const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const tlsKey = "-----BEGIN PRIVATE KEY-----\nplanted-tls-key\n-----END PRIVATE KEY-----\n";
const hostKey = `ssh-ed25519 AAAA${"C".repeat(64)}`;
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

const config: Record<string, string> = {
  "odoo:environment": "staging",
  "odoo:modules": '["release_info"]',
  "registry:kind": "digitalocean",
  "registry:repository": "team/odoo",
  "vps:mode": "adopt",
  "vps:host": "198.51.100.4",
  "vps:hostKey": hostKey,
  "vps:domain": "erp.example.com",
};
const withTls = { "vps:tls": "files", "vps:tlsCertificate": certificate, "vps:tlsKey": tlsKey };
const withDump = {
  "backup:destination": "ssh://dump@backup.example.com/srv/odoo",
  "backup:hostKey": hostKey,
  "backup:privateKey": "planted-dump-key",
};

function render(changes: Record<string, string> = {}, args: Partial<HostRequestArgs> = {}): HostRequest {
  const settings = readSettings({
    config: { ...config, ...changes },
    secretKeys: new Set(["vps:tlsKey", "backup:privateKey", "odoo:secretOptions"]),
    environment: { DIGITALOCEAN_TOKEN: "planted-token", VPS_SSH_PRIVATE_KEY: "planted-login-key" },
  });
  return hostRequest({
    settings,
    repository: "registry.example.com/team/odoo",
    digest: digest("a"),
    images: { postgres: `docker.io/library/postgres@${digest("b")}`, proxy: `docker.io/library/caddy@${digest("c")}` },
    host: { memoryMiB: 3936, cpus: 2 },
    registry: { server: "registry.example.com", username: "planted-user", password: "planted-password" },
    dataDirectory: "/mnt/odoo-data",
    ...args,
  });
}

describe("the request to a host", () => {
  it("has the proof of its image, which makes it no other request", () => {
    const signed = (signature: string) => ({
      cosign: `registry.example.com/cosign@${digest("d")}`,
      proof: { signer: { publicKey: "the key" }, signature, attestation: "{}", sbom: true },
    });
    const [one, other] = ["1", "2"].map((text) => render({}, { signature: signed(text) }));
    assert.deepEqual(one?.signature, { ...signed("1").proof, cosign: signed("1").cosign });
    assert.equal(hostRequestSchema.safeParse(one).success, true);
    assert.deepEqual(new Set([one?.id, other?.id]), new Set([render().id]));
    assert.ok(!("signature" in render()));
  });

  it("fits its schema, with all that settings may ask for", () => {
    const full = {
      "release:restore": "20261121t100000z",
      "vps:acmeServer": "https://ca.example.com/directory",
      "backup:destination": "ssh://backup@dump.example.com/odoo",
      "backup:hostKey": `ssh-ed25519 AAAA${"A".repeat(60)}`,
      "backup:privateKey": "planted-dump-key",
    };
    const request = render(full);
    assert.deepEqual(hostRequestSchema.parse(request), request);
    assert.deepEqual(hostRequestSchema.parse(render()), render());
    assert.throws(() => hostRequestSchema.parse({ ...request, image: "odoo:18.0" }));
  });

  it("says what the host is to run", () => {
    const { files, secrets, id, ...rest } = render();
    assert.match(id, /^[0-9a-f]{16}$/);
    assert.deepEqual(rest, {
      image: `registry.example.com/team/odoo@${digest("a")}`,
      database: "odoo",
      url: "https://erp.example.com",
      modules: ["release_info"],
      demo: false,
      registry: { server: "registry.example.com", username: "planted-user", password: "planted-password" },
      release: { additive: false, rehearse: true, upgradeSeconds: 3600, readySeconds: 120, keepPoints: 5 },
      dataDirectory: "/mnt/odoo-data",
      dump: null,
      network: {
        odoo: [outsideOf("0.0.0.0/0")],
        authority: { port: 443, to: [outsideOf("0.0.0.0/0")] },
      },
    });
    assert.deepEqual(Object.keys(files).sort(), [
      ".env",
      "docker-compose.prod.yml",
      "docker-compose.release.yml",
      "proxy/Caddyfile",
      "proxy/maintenance.html",
      "proxy/state/hold",
    ]);
    assert.equal(files["proxy/state/hold"], "");
    assert.deepEqual(secrets, [
      { file: "secrets/odoo-db-password", uid: 100, generate: true },
      { file: "secrets/odoo-tasks-password", uid: 100, generate: true },
      { file: "secrets/odoo-master-password", uid: 100, generate: true },
      { file: "secrets/postgres-password", uid: 999, generate: true },
    ]);
  });

  it("names the wanted extensions, in any order, and says nothing where none are", () => {
    assert.deepEqual(render({ "odoo:extensions": '["unaccent", "postgis"]' }).extensions, ["postgis", "unaccent"]);
    assert.ok(!("extensions" in render()));
  });

  it("says where Odoo and the proxy may go, and another place is another release", () => {
    const own = render({
      "vps:egress": '["198.51.100.0/24", "10.114.0.5/32"]',
      "vps:acmeServer": "https://ca.corp.example:9000/acme/directory",
    });
    assert.deepEqual(own.network, {
      odoo: [outsideOf("198.51.100.0/24"), outsideOf("10.114.0.5/32")],
      authority: { port: 9000, to: ["0.0.0.0/0", "198.51.100.0/24", "10.114.0.5/32"].map(outsideOf) },
    });
    assert.equal(render(withTls).network.authority, null);
    assert.deepEqual(render({ "vps:egress": "[]" }).network.odoo, []);
    assert.notEqual(render().id, render({ "vps:egress": "[]" }).id);
  });

  it("says where a release's own containers may go, and is what it was where they may not", () => {
    const own = render({ "release:egress": '["0.0.0.0/0:443", "10.114.0.5/32:9000"]', "release:rehearse": "false" });
    assert.deepEqual(own.network.tasks, [
      { ...outsideOf("0.0.0.0/0"), port: 443 },
      { ...outsideOf("10.114.0.5/32"), port: 9000 },
    ]);
    assert.deepEqual(hostRequestSchema.parse(own), own);
    assert.match(own.files["docker-compose.release.yml"] ?? "", /networks: \[backend, tasks\]/);
    assert.ok(!("tasks" in render().network), "a request without ways out keeps its id");
  });

  it("carries a certificate as a file and its key as a secret of the proxy", () => {
    const { files, secrets } = render(withTls);
    assert.equal(files["proxy/tls.pem"], certificate);
    assert.deepEqual(secrets.at(-1), { file: "secrets/tls-key", uid: 1000, content: tlsKey });
  });

  it("carries what an ACME server is believed by as a file, for whose change the proxy starts again", () => {
    const authority = fs.readFileSync(path.join(__dirname, "..", "..", "fixtures", "authority.pem"), "utf8");
    const server = { "vps:acmeServer": "https://ca.example.com/acme/directory" };
    const one = render({ ...server, "vps:acmeRoots": authority }).files;
    const two = render({ ...server, "vps:acmeRoots": `${authority}${authority}` }).files;
    assert.equal(one["proxy/acme-roots.pem"], authority);
    assert.equal(one["proxy/Caddyfile"], two["proxy/Caddyfile"]);
    const label = (files: Readonly<Record<string, string>>) =>
      /proxy-files: (\w+)/.exec(files["docker-compose.prod.yml"] ?? "")?.[1];
    assert.ok(label(one) !== undefined && label(one) !== label(two));
  });

  it("carries secret options as a file of Odoo's, and other ones are another release", () => {
    const options = (word: string) => render({ "odoo:secretOptions": JSON.stringify({ smtp_password: word }) });
    assert.deepEqual(options("planted").secrets.at(-1), {
      file: "secrets/odoo-options",
      uid: 100,
      content: '{"smtp_password":"planted"}',
    });
    assert.ok(!JSON.stringify(options("planted").files).includes("planted"));
    assert.equal(options("planted").id, options("planted").id);
    assert.notEqual(options("planted").id, options("other").id);
  });

  it("says where dumps go", () => {
    const dump = { destination: withDump["backup:destination"], hostKey, privateKey: "planted-dump-key", keep: 14 };
    assert.deepEqual(render(withDump).dump, dump);
  });

  it("writes an IPv6 address as URLs do", () => {
    assert.equal(render({ "vps:domain": "2001:db8::9", "vps:tls": "internal" }).url, "https://[2001:db8::9]");
  });

  it("has nothing secret in its files", () => {
    const { files } = render({ ...withTls, ...withDump });
    assert.ok(!JSON.stringify(files).includes("planted"));
  });

  it("keeps its id while nothing but credentials change", () => {
    const login = { server: "registry.example.com", username: "renewed", password: "renewed" };
    assert.equal(render({}, { registry: login }).id, render().id);
    assert.equal(render({ ...withDump, "backup:privateKey": "renewed" }).id, render(withDump).id);
  });

  const matters: [what: string, changes: Record<string, string>, args?: Partial<HostRequestArgs>][] = [
    ["the digest", {}, { digest: digest("d") }],
    ["the repository", {}, { repository: "registry.example.com/team/other" }],
    [
      "the registry",
      {},
      { registry: { server: "other.example.com", username: "planted-user", password: "planted-password" } },
    ],
    [
      "PostgreSQL's image",
      {},
      {
        images: {
          postgres: `docker.io/library/postgres@${digest("d")}`,
          proxy: `docker.io/library/caddy@${digest("c")}`,
        },
      },
    ],
    ["the host's memory", {}, { host: { memoryMiB: 7936, cpus: 2 } }],
    ["the data directory", {}, { dataDirectory: null }],
    ["the database", { "odoo:database": "books" }],
    ["the modules", { "odoo:modules": "[]" }],
    ["Odoo's options", { "odoo:options": '{"limit_time_real": 600}' }],
    ["the domain", { "vps:domain": "books.example.com" }],
    ["the workers", { "vps:workers": "2" }],
    ["the way of release", { "release:rehearse": "false" }],
    ["where dumps go", withDump],
    ["the restore point to roll back to", { "release:restore": "20261121t120000z" }],
  ];
  for (const [what, changes, args] of matters) {
    it(`has another id with another value of ${what}`, () => assert.notEqual(render(changes, args).id, render().id));
  }

  it("has another id with another key of the certificate, which the proxy must read", () => {
    const other = { ...withTls, "vps:tlsKey": tlsKey.replace("planted", "other") };
    assert.notEqual(render(other).id, render(withTls).id);
  });

  it("refuses a host that is too small", () => {
    assert.throws(() => render({}, { host: { memoryMiB: 1024, cpus: 1 } }), /HOST_TOO_SMALL/);
  });
});
