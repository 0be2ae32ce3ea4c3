import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments, parse } from "yaml";
import { kubeconfig } from "../../kubernetes/kubeconfig";
import { podRange, serviceRange } from "../../kubernetes/names";
import { nodePrograms } from "../../tools/kubernetes-binaries";
import { Outer } from "../helpers/outer";

const root = path.resolve(__dirname, "..", "..", "..");
const imageDirectory = path.join(root, "sandbox/images/kubernetes-node");
const recipes = [imageDirectory, ...nodePrograms.map(({ recipe }) => recipe), path.join(root, "sandbox/images/vps")];
const execute = promisify(execFile);

const order = `{ id: "c-1", name: "odoo", version: "1.34.3-do.0", slot: 1, pools: [{ id: "p-1", name: "default", nodes: ["default-a", "default-b"] }] }`;
const registry = `{ server: "127.0.0.1:5055", username: "me", password: "planted", secretName: "shop" }`;

describe("A cluster of the sandbox", () => {
  let outer: Outer;
  beforeEach(() => (outer = new Outer("kubernetes/cluster", recipes)));
  afterEach(() => outer.remove());

  it("is a container with its ports on addresses of its own, and a disk that is not removed with it", async () => {
    const { calls } = await outer.run(`await subject.createCluster(${order});`);
    const started = calls.filter((call) => call.startsWith("run "));
    assert.equal(started.length, 1);
    const line = started[0] ?? "";
    assert.deepEqual(line.match(/(?<=--publish )\S+/g), [
      "127.0.0.22:6443:6443",
      "127.0.0.23:80:80",
      "127.0.0.23:443:443",
    ]);
    assert.doesNotMatch(line, /--privileged|\/sys\/fs\/cgroup|planted/);
    assert.match(line, / --label odoo\.sandbox=1 --label odoo\.sandbox\.kubernetes=c-1 /);
    const disk = /--volume (\S+):\/node\/disk /.exec(line)?.[1] ?? "";
    const made = calls.find((call) => call.startsWith("volume create ") && call.endsWith(` ${disk}`)) ?? "";
    assert.ok(made.includes(` --label odoo.sandbox.data-of=${outer.state} `), made);
    assert.doesNotMatch(made, /odoo\.sandbox=1/);
  });

  it("reads at its start what it is, in lines that a shell understands", async () => {
    await outer.run(`await subject.createCluster(${order});`);
    const lines = `. ${path.join(outer.state, "kubernetes/c-1/order")}; echo $NODE $ADDRESS $OUTSIDE $LOAD_BALANCER $LABELS`;
    assert.equal(
      execFileSync("sh", ["-c", lines], { encoding: "utf8" }).trim(),
      "default-a 198.18.77.22 127.0.0.22 127.0.0.23 doks.digitalocean.com/node-pool=default,doks.digitalocean.com/node-pool-id=p-1",
    );
    const refused = await outer.run(
      `await subject.createCluster({ ...${order}, pools: [{ id: "p", name: "$(id)", nodes: ["a"] }] }).catch((error) => console.log(error.message));`,
    );
    assert.match(refused.printed, /cannot have the pool/);
  });

  it("keeps its credentials from one start to the next, and tells them also while it is off", async () => {
    await outer.run(`await subject.createCluster(${order});`);
    const token = outer.file("kubernetes", "c-1", "token");
    assert.match(token ?? "", /^[0-9a-f]{64}$/);
    fs.writeFileSync(path.join(outer.state, "kubernetes/c-1/out/ca.crt"), "PEM");
    const { printed } = await outer.run(
      `await subject.createCluster(${order}); console.log(JSON.stringify(await subject.clusterCredentials("c-1")));`,
      { STATE: "exited" },
    );
    const credentials = JSON.parse(printed) as { server: string; ca: string; token: string };
    assert.deepEqual(credentials, { server: "https://127.0.0.22:6443", ca: "PEM", token });
    const config = parse(kubeconfig("odoo", credentials)) as {
      users: { user: object }[];
      clusters: { cluster: object }[];
    };
    assert.deepEqual(config.users[0]?.user, { token });
    assert.deepEqual(config.clusters[0]?.cluster, { server: credentials.server, "certificate-authority-data": "UEVN" });
    const unknown = `await subject.clusterCredentials("c-2").catch((error) => console.log(error.message));`;
    assert.match((await outer.run(unknown)).printed, /c-2 has not been started/);
  });

  it("comes before one that was made later, and before another checkout's, however Docker lists them", async () => {
    for (const slot of [0, 1])
      await outer.run(`await subject.createCluster({ ...${order}, id: "c-${9 - slot}", slot: ${slot} });`);
    const names = `console.log((await subject.listClusters()).map(({ id }) => id).join());`;
    assert.equal(
      (await outer.run(names, { STATE: "b x running\na x running\nc-8 x running\nc-9 x exited" })).printed,
      "c-9,c-8,a,b",
    );
  });

  it("that is there is started, and not made a second time", async () => {
    const { calls } = await outer.run(`await subject.createCluster(${order});`, { STATE: "exited" });
    assert.ok(calls.includes("start odoo-sandbox-kubernetes-c-1"), calls.join("\n"));
    assert.ok(!calls.some((call) => call.startsWith("run ")));
  });

  it("that never came to run is made again", async () => {
    const { calls } = await outer.run(`await subject.createCluster(${order});`, { STATE: "created" });
    const verbs = calls.map((call) => call.split(" ")[0]);
    assert.ok(verbs.includes("rm") && verbs.indexOf("rm") < verbs.indexOf("run"), calls.join("\n"));
  });

  it("learns its registry's password by its standard input, and from no argument", async () => {
    const { calls, input } = await outer.run(`await subject.setRegistry("c-1", ${registry});`, { STATE: "running" });
    assert.doesNotMatch(calls.join("\n"), /planted|cGxhbnRlZ/);
    const secret = JSON.parse(input) as { metadata: object; data: Record<string, string> };
    assert.deepEqual(secret.metadata, {
      name: "shop",
      namespace: "kube-system",
      labels: { "sandbox.digitalocean.com/integration": "registry" },
      annotations: { "digitalocean.com/dosecret-identifier": "shop" },
    });
    const config = Buffer.from(secret.data[".dockerconfigjson"] ?? "", "base64").toString();
    const auth = Buffer.from("me:planted").toString("base64");
    assert.deepEqual(JSON.parse(config), {
      auths: { "127.0.0.1:5055": { username: "me", password: "planted", auth } },
    });
  });

  it("goes with its disk and its credentials", async () => {
    await outer.run(`await subject.createCluster(${order});`);
    const { calls } = await outer.run(`await subject.removeCluster("c-1");`, { STATE: "running" });
    assert.ok(calls.includes("rm --force --volumes odoo-sandbox-kubernetes-c-1"), calls.join("\n"));
    assert.ok(calls.includes("volume rm --force odoo-sandbox-kubernetes-c-1-disk"), calls.join("\n"));
    assert.ok(!fs.existsSync(path.join(outer.state, "kubernetes", "c-1")));
  });
});

describe("What a node is given", () => {
  const text = (name: string): string => fs.readFileSync(path.join(imageDirectory, name), "utf8");

  it("runs in the shell that it has", () => {
    const files = fs
      .readdirSync(imageDirectory)
      .filter((name) => fs.statSync(path.join(imageDirectory, name)).isFile());
    const scripts = files.filter((name) => text(name).startsWith("#!/bin/sh\n"));
    assert.deepEqual(scripts.sort(), ["certificates", "init", "pack-image", "service", "wait-until-ready"]);
    for (const name of scripts) execFileSync("sh", ["-n", path.join(imageDirectory, name)]);
  });

  it("names the same ranges everywhere", () => {
    const [pods, services] = [podRange, serviceRange].map((range) => range.split("/")[0]?.replace(/\.0$/, "") ?? "");
    assert.ok(text("service").includes(`--service-cluster-ip-range=${serviceRange}`));
    assert.ok(text("certificates").includes(`IP:${services}.1,`));
    const dns = parseAllDocuments(text("cluster.yaml")).map(
      (document) => document.toJS() as { spec?: { clusterIP?: string } },
    );
    assert.deepEqual(
      dns.flatMap(({ spec }) => spec?.clusterIP ?? []),
      [`${services}.10`],
    );
    assert.deepEqual((parse(text("kubelet.yaml")) as { clusterDNS: string[] }).clusterDNS, [`${services}.10`]);
    assert.equal((parse(text("kube-proxy.yaml")) as { clusterCIDR: string }).clusterCIDR, podRange);
    assert.ok(text("init").includes(`unreachable ${podRange}`));
    const { plugins } = JSON.parse(text("pods.conflist")) as {
      plugins: { ipam?: { ranges: { subnet: string }[][] } }[];
    };
    assert.equal(plugins[0]?.ipam?.ranges[0]?.[0]?.subnet, `${pods}.0/24`);
  });
});

/** A kubectl that notes what it is asked and told, and knows two namespaces and a storage class. */
const kubectl = `#!/bin/sh
shift 2
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in
  apply*) printf '%s\\n' "$(cat)" >> "$TOLD" ;;
  "get storageclasses"*)
    echo '{"items":[{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","provisioner":"theirs","metadata":{"name":"standard",
      "annotations":{"storageclass.kubernetes.io/is-default-class":"true"}}}]}' ;;
  "get namespaces --watch"*) printf 'kube-system\\nodoo\\n'; exec sleep 3600 ;;
  *server*) printf https://127.0.0.1:40000 ;;
  *certificate-authority-data*) printf UEVN ;;
  *"create token"*) printf theirs ;;
esac
`;

describe("A cluster that the user has", () => {
  let home: string;
  beforeEach(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-kubernetes-"));
    fs.writeFileSync(path.join(home, "kubectl"), kubectl, { mode: 0o755 });
    for (const name of ["calls", "told"]) fs.writeFileSync(path.join(home, name), "");
  });
  afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

  const run = async (body: string): Promise<string> => {
    const script = path.join(home, "script.ts");
    const begin = `import { userCluster } from "${root}/sandbox/kubernetes/user-cluster";\nconst cluster = userCluster("mine");`;
    fs.writeFileSync(script, `${begin}\nvoid (async () => { ${body} })();\n`);
    const variables = {
      PATH: `${home}:${process.env["PATH"] ?? ""}`,
      CALLS: path.join(home, "calls"),
      TOLD: path.join(home, "told"),
    };
    const options = { cwd: root, timeout: 300_000, env: { ...process.env, ...variables, SANDBOX_STATE_DIR: home } };
    return (await execute(process.execPath, ["--import", "tsx", script], options)).stdout.trim();
  };
  const told = (): Record<string, unknown>[] =>
    fs
      .readFileSync(path.join(home, "told"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => (JSON.parse(line) as { items: Record<string, unknown>[] }).items);

  it("gets an administrator, its storage under the name that the program uses, and the pull secret in every namespace", async () => {
    await run(`await cluster.createCluster({ ...${order}, registry: ${registry} });
      const { readFileSync } = await import("node:fs");
      while (!readFileSync(process.env.TOLD ?? "", "utf8").includes('"odoo"')) await new Promise((done) => setTimeout(done, 50));
      await cluster.setRegistry("c-1", undefined);`);
    const objects = told().map(({ kind, metadata, provisioner }) => ({
      kind,
      provisioner,
      metadata: metadata as Record<string, string>,
    }));
    assert.deepEqual(
      objects
        .map(({ kind, metadata }) => `${String(kind)} ${metadata["namespace"] ?? ""}/${metadata["name"] ?? ""}`)
        .sort(),
      [
        "ClusterRoleBinding /odoo-sandbox",
        "Secret kube-system/shop",
        "Secret odoo/shop",
        "ServiceAccount kube-system/odoo-sandbox",
        "StorageClass /do-block-storage",
        "StorageClass /do-block-storage-retain",
      ],
    );
    const storage = objects.find(({ kind }) => kind === "StorageClass");
    assert.deepEqual([storage?.provisioner, storage?.metadata["annotations"]], ["theirs", undefined]);
    const calls = fs.readFileSync(path.join(home, "calls"), "utf8");
    assert.doesNotMatch(calls, /planted/);
    assert.ok(
      calls.trim().endsWith("delete secret --all-namespaces --selector sandbox.digitalocean.com/integration=registry"),
      calls,
    );
  });

  it("tells where it answers, and a token that is the sandbox's own", async () => {
    const printed = await run(`console.log(JSON.stringify(await cluster.clusterCredentials("c-1")));`);
    assert.deepEqual(JSON.parse(printed), { server: "https://127.0.0.1:40000", ca: "PEM", token: "theirs" });
  });
});
