import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { promisify } from "node:util";

import { ShipError } from "../../../components/shared/errors";
import { clusterIdentifier, type ClusterPlan, planCluster } from "../../../components/kubernetes/plan";
import { judgeVersion } from "../../../components/kubernetes/cluster-version";
import { kubeconfig } from "../../../components/kubernetes/kubeconfig";
import { connectionsOfDatabase } from "../../../components/kubernetes/size";
import type { Settings } from "../../../settings";
import { doksSettings, shared } from "../../support/kubernetes-objects";
import { authority, clusterApi, clusterId, networkId, type PaperCluster } from "../../support/paper-cluster";

const root = path.join(__dirname, "..", "..", "..");
const run = promisify(execFile);
const offered = ["1.35.0-do.1", "1.34.1-do.0", "1.34.1-do.2", "1.33.10-do.0", "1.33.9-do.0"];

const refusing = (code: string, found?: RegExp) => (error: unknown) =>
  error instanceof ShipError && error.code === code && (found === undefined || found.test(error.failure.found));

describe("the version of a cluster", () => {
  it("may be any on offer for a new one", () => {
    for (const version of offered) {
      assert.doesNotThrow(() => judgeVersion(version, undefined, offered));
    }
  });

  it("may stay, also when it is not on offer any more", () => {
    assert.doesNotThrow(() => judgeVersion("1.31.1-do.0", "1.31.1-do.0", offered));
  });

  it("may rise by a patch, by DigitalOcean's own revision, and by one minor version", () => {
    for (const [wanted, running] of [
      ["1.34.1-do.2", "1.34.1-do.0"],
      ["1.33.10-do.0", "1.33.9-do.0"],
      ["1.35.0-do.1", "1.34.1-do.2"],
    ] as const) {
      assert.doesNotThrow(() => judgeVersion(wanted, running, offered), `${running} → ${wanted}`);
    }
  });

  it("never falls: the provider would replace the cluster", () => {
    for (const [wanted, running] of [
      ["1.33.9-do.0", "1.33.10-do.0"],
      ["1.34.1-do.0", "1.34.1-do.2"],
      ["1.34.1-do.0", "1.35.0-do.1"],
    ] as const) {
      assert.throws(
        () => judgeVersion(wanted, running, offered),
        refusing("KUBERNETES_VERSION_REFUSED", /runs$/),
        `${running} → ${wanted}`,
      );
    }
  });

  it("is on offer, and the message names what is", () => {
    assert.throws(
      () => judgeVersion("1.34.7-do.0", undefined, offered),
      (error) =>
        error instanceof ShipError &&
        error.failure.expected === `one of: ${[...offered].reverse().sort(byText).join(", ")}`,
    );
    assert.throws(() => judgeVersion("1.34.7-do.0", undefined, []), refusing("KUBERNETES_VERSION_REFUSED"));
  });

  it("skips no minor version", () => {
    assert.throws(() => judgeVersion("1.35.0-do.1", "1.33.9-do.0", offered), refusing("KUBERNETES_VERSION_REFUSED"));
  });
});

/** As versions are ordered: 1.33.9 comes before 1.33.10. */
function byText(a: string, b: string): number {
  return a.localeCompare(b, undefined, { numeric: true });
}

/** Plans with an API that has the given cluster. */
async function plan(settings: Settings, running?: PaperCluster, now?: Date): Promise<ClusterPlan | undefined> {
  const real = globalThis.fetch;
  globalThis.fetch = (input) => {
    const url = new URL(String(input));
    const answer = clusterApi(url.pathname, running);
    return answer === undefined ? Promise.reject(new Error(`the test knows no ${url.href}`)) : Promise.resolve(answer);
  };
  try {
    return await planCluster(root, settings, now);
  } finally {
    globalThis.fetch = real;
  }
}

const adopting = { "doks:mode": "adopt", "doks:clusterId": clusterId };
const foreign = {
  "doks:mode": "adopt",
  "doks:kubeconfig": "clusters:\n- cluster:\n    server: https://192.0.2.1:6443\n",
};

describe("the plan of a cluster", () => {
  it("is none for a stack without one", async () => {
    assert.equal(await plan(doksSettings({ "doks:mode": "none" })), undefined);
  });

  it("names what runs beside Odoo by digest, and the worker's program", async () => {
    const made = await plan(doksSettings());
    assert.match(made?.postgres ?? "", /@sha256:[0-9a-f]{64}$/);
    assert.deepEqual(Object.keys(made?.worker.binaryData ?? {}), ["odoo_ship.zip"]);
  });

  it("refuses a version that would replace the running cluster", async () => {
    await assert.rejects(plan(doksSettings(), { version: "1.35.0-do.1" }), refusing("KUBERNETES_VERSION_REFUSED"));
    assert.ok(await plan(doksSettings(), { version: "1.34.1-do.0" }));
    // Of another name: not the cluster that this stack is about.
    assert.ok(await plan(doksSettings({ "doks:name": "other" }), { version: "1.35.0-do.1" }));
  });

  it("takes over a cluster of its name that a killed update began, and refuses one that never ran", async () => {
    assert.equal((await plan(doksSettings()))?.existing, undefined);
    assert.equal((await plan(doksSettings(), { version: "1.34.1-do.0" }))?.existing, clusterId);
    const broken = { version: "1.34.1-do.0", status: { state: "error", message: "no room in the region" } };
    await assert.rejects(plan(doksSettings(), broken), refusing("CLUSTER_BROKEN"));
  });

  it("finds where an adopted cluster is, and refuses one that is not there", async () => {
    const made = await plan(doksSettings(adopting), { version: "1.30.1-do.0" });
    assert.deepEqual(made?.adopted, {
      id: clusterId,
      server: `https://${clusterId}.k8s.ondigitalocean.com`,
      certificateAuthority: authority,
      region: "fra1",
      vpc: networkId,
      vpcRange: "",
    });
    await assert.rejects(plan(doksSettings(adopting)), refusing("CLUSTER_NOT_FOUND"));
  });

  it("finds the network that an adopted cluster shares with its managed database, and refuses one that is not there", async () => {
    const managed = doksSettings({
      ...adopting,
      "doks:databaseMode": "managed",
      "doks:databaseSize": "db-s-4vcpu-8gb",
    });
    assert.equal((await plan(managed, { version: "1.34.1-do.0" }))?.adopted?.vpcRange, "10.114.0.0/20");
    await assert.rejects(
      plan(managed, { version: "1.34.1-do.0", withoutNetwork: true }),
      refusing("CLUSTER_NOT_FOUND", new RegExp(networkId)),
    );
  });

  it("warns of an API that is open to everybody, and names what closes it", async () => {
    const told = async (changes: Record<string, string>, running?: PaperCluster) =>
      (await plan(doksSettings(changes), running))?.warnings.filter((text) => text.includes("doks:apiFrom")) ?? [];
    assert.match((await told({})).join(), /doks:apiFrom is empty: everybody/);
    assert.match(
      (await told({ "doks:apiFrom": '["203.0.113.0/24", "0.0.0.0/0"]' })).join(),
      /doks:apiFrom has 0\.0\.0\.0\/0: everybody/,
    );
    assert.deepEqual(await told({ "doks:apiFrom": '["203.0.113.0/24"]' }), []);
    // Its owner's to close.
    assert.deepEqual(await told(adopting, { version: "1.34.1-do.0" }), []);
  });

  it("asks DigitalOcean nothing about a cluster of somebody else", async () => {
    const made = await plan(doksSettings(foreign));
    assert.equal(made?.adopted, undefined);
  });

  it("pulls by DigitalOcean's integration where there is one, and brings a secret elsewhere", async () => {
    const pull = async (changes: Record<string, string>, running?: PaperCluster) =>
      (await plan(doksSettings(changes), running))?.pull;
    assert.deepEqual(await pull({}), { way: "integrated", secret: "team" });
    assert.deepEqual(await pull(adopting, { version: "1.34.1-do.0", registryEnabled: true }), {
      way: "integrated",
      secret: "team",
    });
    assert.deepEqual(await pull(adopting, { version: "1.34.1-do.0" }), { way: "brought", secret: "odoo-registry" });
    assert.deepEqual(await pull(foreign), { way: "brought", secret: "odoo-registry" });
    assert.deepEqual(await pull({ "doks:imagePullSecret": "ours" }), { way: "given", secret: "ours" });
    const settings = { ...doksSettings(), registry: { ...doksSettings().registry, kind: "ghcr" as const } };
    assert.deepEqual((await plan(settings))?.pull, { way: "brought", secret: "odoo-registry" });
  });

  it("tells when credentials end that nobody renews but an update", async () => {
    const told = async (changes: Record<string, string>, running?: PaperCluster) =>
      (await plan(doksSettings(changes), running, new Date("2026-11-21T10:00:00Z")))?.warnings.filter((text) =>
        /credentials/.test(text),
      ) ?? [];
    const [warning = "", ...others] = await told(adopting, { version: "1.34.1-do.0" });
    // Ninety days from the first of the month, on which they may have been made.
    assert.match(warning, /2027-01-30.*pulumi stack output pullCredentialsExpire.*ImagePullBackOff/);
    assert.deepEqual(others, []);
    assert.match((await told({ ...foreign, "registry:pullDays": "60" }))[0] ?? "", /2026-12-31/);
    assert.deepEqual(await told({}), []);
    assert.deepEqual(await told({ ...foreign, "doks:imagePullSecret": "ours" }), []);
  });

  it("warns of nodes on which a rollout may find no room", async () => {
    const tight = async (changes: Record<string, string>) =>
      (await plan(doksSettings(changes)))?.warnings.some((text) => text.includes("doks:nodeSize"));
    assert.equal(await tight({ "doks:nodeSize": "s-1vcpu-2gb" }), true);
    assert.equal(await tight({ "doks:nodeSize": "s-4vcpu-8gb" }), false);
    assert.equal(await tight({ "doks:nodeSize": "s-1vcpu-2gb", ...shared }), false);
  });

  it("refuses what does not fit before it asks anybody", async () => {
    await assert.rejects(planCluster(root, doksSettings({ "doks:workers": "50" })), refusing("HOST_TOO_SMALL"));
    await assert.rejects(
      planCluster(root, doksSettings({ "doks:imagesRecord": "nowhere.json" })),
      refusing("SETTINGS_INVALID"),
    );
  });
});

describe("the connections of a managed database", () => {
  it("follow the memory of its size", () => {
    assert.deepEqual(
      ["db-s-1vcpu-1gb", "db-s-2vcpu-4gb", "gd-4vcpu-16gb", "so1_5-8vcpu-64gb", "db-custom"].map(connectionsOfDatabase),
      [22, 97, 397, 997, undefined],
    );
  });
});

interface Kubeconfig {
  readonly clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
  readonly users: {
    user: {
      exec: { command: string; args: string[]; env: { name: string; value: string }[]; interactiveMode: string };
    };
  }[];
}

describe("the way into a cluster", () => {
  const address = { id: clusterId, server: "https://cluster.example.com", certificateAuthority: authority };

  it("has no credentials in it, and asks a program for them", () => {
    const text = kubeconfig({
      ...address,
      namespace: "odoo",
      apiUrl: "https://api.digitalocean.com",
      apiToken: undefined,
    });
    const { clusters, users } = JSON.parse(text) as Kubeconfig;
    assert.deepEqual(clusters[0]?.cluster, { server: address.server, "certificate-authority-data": authority });
    assert.deepEqual(Object.keys(users[0]?.user ?? {}), ["exec"]);
    assert.equal(users[0]?.user.exec.args.at(-1), clusterId);
    assert.doesNotMatch(text, /token|password|client-key/i);
  });

  it("hands on an API token that only the stack's configuration has", () => {
    const text = kubeconfig({
      ...address,
      namespace: "odoo",
      apiUrl: "https://api.digitalocean.com",
      apiToken: "planted",
    });
    const { users } = JSON.parse(text) as Kubeconfig;
    assert.deepEqual(users[0]?.user.exec.env.at(-1), { name: "DIGITALOCEAN_TOKEN", value: "planted" });
  });

  it("is told apart by where a kubeconfig leads, not by its credentials", () => {
    const text = (server: string, token: string) =>
      `clusters:\n- name: a\n  cluster:\n    server: ${server}\nusers:\n- user: {token: ${token}}\n`;
    assert.equal(clusterIdentifier(text("https://a:6443", "one")), clusterIdentifier(text("https://a:6443", "two")));
    assert.notEqual(clusterIdentifier(text("https://a:6443", "one")), clusterIdentifier(text("https://b:6443", "one")));
    assert.throws(() => clusterIdentifier("nothing"), refusing("SETTINGS_INVALID"));
  });
});

describe("the program that gets a token for a cluster", () => {
  let server: http.Server;
  let asked: { url: string; authorization: string }[];
  let running: PaperCluster | undefined;

  before(async () => {
    server = http.createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://api");
      asked.push({ url: `${url.pathname}${url.search}`, authorization: request.headers.authorization ?? "" });
      const answer = clusterApi(url.pathname, running) ?? new Response("{}", { status: 500 });
      void answer.text().then((text) => {
        response.writeHead(answer.status).end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  beforeEach(() => {
    asked = [];
    running = { version: "1.34.1-do.0" };
  });
  after(() => new Promise((resolve) => server.close(resolve)));

  /** As Kubernetes' clients run it: the command of the kubeconfig, with its variables. */
  async function credential(token: string | undefined): Promise<{ stdout: string; stderr: string; status: number }> {
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const text = kubeconfig({
      id: clusterId,
      server: "https://x",
      certificateAuthority: authority,
      namespace: "odoo",
      apiUrl,
      apiToken: token,
    });
    const { exec } = (JSON.parse(text) as Kubeconfig).users[0]?.user ?? assert.fail("no user");
    // Only what the kubeconfig brings: not the token of whoever runs the tests.
    const env = {
      ...process.env,
      DIGITALOCEAN_TOKEN: undefined,
      DIGITALOCEAN_ACCESS_TOKEN: undefined,
      ...Object.fromEntries(exec.env.map(({ name, value }) => [name, value])),
    };
    try {
      return { ...(await run(exec.command, exec.args, { cwd: root, env })), status: 0 };
    } catch (error) {
      const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
      return { stdout, stderr, status: code };
    }
  }

  it("prints it as Kubernetes' clients read it, with its end", async () => {
    const { stdout, status } = await credential("planted-api-token");
    assert.equal(status, 0);
    assert.deepEqual(JSON.parse(stdout), {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "planted-token", expirationTimestamp: "2026-11-21T11:00:00Z" },
    });
    assert.deepEqual(asked, [
      {
        url: `/v2/kubernetes/clusters/${clusterId}/credentials?expiry_seconds=3600`,
        authorization: "Bearer planted-api-token",
      },
    ]);
  });

  it("says what to do without an API token, and when the cluster is gone", async () => {
    const without = await credential(undefined);
    assert.deepEqual([without.status, without.stdout], [1, ""]);
    assert.match(without.stderr, /SETTINGS_INVALID[\s\S]*DIGITALOCEAN_TOKEN/);
    running = undefined;
    const gone = await credential("planted-api-token");
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /CLUSTER_NOT_FOUND/);
    assert.doesNotMatch(gone.stderr, /planted/);
  });
});
