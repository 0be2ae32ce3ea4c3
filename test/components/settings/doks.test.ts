import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { inspect } from "node:util";

import { ShipError } from "../../../components/shared/errors";
import { readSettings } from "../../../settings";

const authority = fs.readFileSync(path.join(__dirname, "..", "..", "fixtures", "authority.pem"), "utf8");
const privateKey = "-----BEGIN PRIVATE KEY-----\nplanted-key\n-----END PRIVATE KEY-----\n";
const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const clusterId = "bd5f5959-5e1e-4205-a714-a914373942af";

const stack = { "odoo:environment": "staging", "registry:kind": "digitalocean", "registry:repository": "team/odoo" };
const site = { "doks:domain": "erp.example.com" };
const create = {
  ...stack,
  ...site,
  "doks:mode": "create",
  "doks:region": "fra1",
  "doks:version": "1.34.1-do.0",
  "doks:nodeSize": "s-4vcpu-8gb",
};
const adopt = { ...stack, ...site, "doks:mode": "adopt", "doks:clusterId": clusterId };
const vps = {
  "vps:mode": "adopt",
  "vps:domain": "erp.example.com",
  "vps:host": "198.51.100.4",
  "vps:hostKey": `ssh-ed25519 AAAA${"C".repeat(64)}`,
};
const secrets = ["doks:tlsKey", "doks:kubeconfig"];

type Variables = Record<string, string | undefined>;
const variables: Variables = { DIGITALOCEAN_TOKEN: "t", VPS_SSH_PRIVATE_KEY: privateKey };

function read(config: Record<string, string>, environment: Variables = variables, secretKeys = secrets) {
  return readSettings({ config, secretKeys: new Set(secretKeys), environment });
}

function refusal(...args: Parameters<typeof read>): ShipError | undefined {
  try {
    read(...args);
  } catch (error) {
    assert.ok(error instanceof ShipError, String(error));
    return error;
  }
  return undefined;
}

/** The lines that the refusal finds. */
function problems(...args: Parameters<typeof read>): string[] {
  const error = refusal(...args);
  assert.ok(error === undefined || error.code === "SETTINGS_INVALID", String(error));
  return error?.failure.found.split("\n") ?? [];
}

/** The keys of the problems, sorted. */
function keys(...args: Parameters<typeof read>): string[] {
  return problems(...args)
    .map((line) => line.split(": ", 1)[0] ?? "")
    .sort();
}

describe("the settings of a cluster", () => {
  it("refuse an image that no machine of DigitalOcean can run, and leave it to a host or a cluster of somebody else", () => {
    const arm = { "image:platform": "linux/arm64" };
    for (const config of [create, adopt]) assert.deepEqual(keys({ ...config, ...arm }), ["image:platform"]);
    assert.deepEqual(problems({ ...stack, ...vps, ...arm }), []);
    const elsewhere = { ...stack, ...site, "doks:mode": "adopt", "doks:kubeconfig": "apiVersion: v1" };
    assert.deepEqual(problems({ ...elsewhere, ...arm }), []);
  });

  it("are not needed by a stack without one", () => {
    assert.equal(read(stack).doks.mode, "none");
  });

  it("take a created and an adopted cluster as they are", () => {
    assert.deepEqual(problems(create), []);
    assert.deepEqual(problems(adopt), []);
    assert.deepEqual(problems({ ...stack, ...site, "doks:mode": "adopt", "doks:kubeconfig": "apiVersion: v1" }), []);
    const { doks } = read(create);
    assert.deepEqual(
      [doks.replicas, doks.filestoreAccess, doks.databaseMode, doks.odooMemoryMiB],
      [1, "ReadWriteOnce", "cluster", 2048],
    );
  });

  it("name all that a created cluster lacks", () => {
    const config = { ...stack, "doks:mode": "create" };
    assert.deepEqual(keys(config, {}), [
      "digitalocean:token",
      "doks:domain",
      "doks:nodeSize",
      "doks:region",
      "doks:version",
    ]);
  });

  it("want one way to an adopted cluster, and one only", () => {
    assert.deepEqual(keys({ ...stack, ...site, "doks:mode": "adopt" }), ["doks:clusterId"]);
    assert.deepEqual(keys({ ...adopt, "doks:kubeconfig": "apiVersion: v1" }), ["doks:kubeconfig"]);
  });

  it("want a managed database beside a cluster of DigitalOcean", () => {
    const foreign = { ...stack, ...site, "doks:mode": "adopt", "doks:kubeconfig": "x", "doks:databaseMode": "managed" };
    assert.deepEqual(keys(foreign), ["doks:databaseMode"]);
    assert.deepEqual(problems({ ...adopt, "doks:databaseMode": "managed" }), []);
  });

  it("refuse several replicas on a volume of one node, with the reason", () => {
    const [line = "", ...more] = problems({ ...create, "doks:replicas": "3" });
    assert.deepEqual(more, []);
    assert.match(
      line,
      /^doks:replicas: 3: .*ReadWriteOnce volume is on one node only; set doks:filestoreAccess to ReadWriteMany/,
    );
    assert.deepEqual(keys({ ...create, "doks:replicasMax": "4" }), ["doks:replicasMax"]);
    const shared = { ...create, "doks:replicas": "3", "doks:filestoreAccess": "ReadWriteMany" };
    assert.deepEqual(keys(shared), ["doks:storageClass"]);
    assert.deepEqual(problems({ ...shared, "doks:storageClass": "nfs" }), []);
  });

  it("refuse bounds that are upside down", () => {
    assert.deepEqual(keys({ ...create, "doks:nodesMin": "3", "doks:nodesMax": "2" }), ["doks:nodesMax"]);
    const shared = { ...create, "doks:filestoreAccess": "ReadWriteMany", "doks:storageClass": "nfs" };
    assert.deepEqual(keys({ ...shared, "doks:replicas": "3", "doks:replicasMax": "2" }), ["doks:replicasMax"]);
  });

  it("treat domain and certificate as those of a VPS", () => {
    assert.deepEqual(keys({ ...create, "doks:domain": "203.0.113.9" }), ["doks:tls"]);
    assert.deepEqual(problems({ ...create, "doks:domain": "203.0.113.9", "doks:tls": "internal" }), []);
    assert.deepEqual(keys({ ...create, "doks:tls": "files" }), ["doks:tlsCertificate", "doks:tlsKey"]);
    assert.deepEqual(
      problems({ ...create, "doks:tls": "files", "doks:tlsCertificate": certificate, "doks:tlsKey": privateKey }),
      [],
    );
  });

  it("take another ACME authority, the company's own too, with what it is believed by", () => {
    const server = "https://ca.corp.internal:9000/acme/acme/directory";
    const own = {
      ...create,
      "doks:domain": "erp",
      "doks:acmeServer": server,
      "doks:acmeRoots": `${authority}${authority}`,
    };
    assert.deepEqual(problems(own), []);
    assert.deepEqual([read(own).doks.acmeServer, read(own).doks.acmeRoots], [server, `${authority}${authority}`]);
    const staging = { ...create, "doks:acmeServer": "https://acme-staging-v02.api.letsencrypt.org/directory" };
    assert.deepEqual(problems(staging), []);
    assert.deepEqual(keys({ ...staging, "doks:domain": "erp" }), ["doks:tls"]);
    assert.deepEqual(keys({ ...create, "doks:acmeRoots": authority }), ["doks:acmeRoots"]);
    assert.deepEqual(keys({ ...own, "doks:acmeRoots": `${authority}${privateKey}` }), ["doks:acmeRoots"]);
  });

  it("tell of a wrong key once, not also as missing", () => {
    assert.deepEqual(keys({ ...create, "doks:version": "1.34" }), ["doks:version"]);
  });

  it("refuse secrets that stand in plain, and print none", () => {
    const config = { ...adopt, "doks:clusterId": "", "doks:kubeconfig": privateKey, "doks:tlsKey": privateKey };
    const lines = problems(config, variables, []);
    assert.deepEqual(lines.filter((line) => line.includes("stands in plain")).length, 2);
    assert.ok(!lines.join("\n").includes("planted-key"));
    const shown = inspect(read(config), { depth: 9 }) + JSON.stringify(read(config));
    assert.ok(!shown.includes("planted-key"));
  });

  it("let staging and sandbox have both targets, and production one", () => {
    const both = { ...create, ...vps };
    assert.deepEqual(problems({ ...both, "odoo:environment": "staging" }), []);
    assert.deepEqual(problems({ ...both, "odoo:environment": "sandbox", "registry:host": "127.0.0.1:5000" }), []);
    const production = {
      ...create,
      ...vps,
      "odoo:environment": "production",
      "image:digest": `sha256:${"a".repeat(64)}`,
    };
    assert.equal(refusal(production)?.code, "PRODUCTION_TARGETS_REFUSED");
    assert.equal(refusal({ ...production, "vps:mode": "none" }), undefined);
    assert.equal(refusal({ ...production, "doks:mode": "none" }), undefined);
  });
});
