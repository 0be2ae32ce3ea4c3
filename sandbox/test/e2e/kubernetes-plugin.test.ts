import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

import { preparedImage } from "../../images/base";
import * as clusters from "../../kubernetes/cluster";
import * as faults from "../../kubernetes/faults";
import { kubeconfig } from "../../kubernetes/kubeconfig";
import { loadBalancerAddress } from "../../digitalocean/cluster-machines";
import { containerName } from "../../kubernetes/names";
import { until } from "../../process";
import { readServers } from "../../servers-control";
import { TestStack } from "../helpers/test-stack";

// Beside the slots of the API's clusters, and of the node that is tried at the same time.
const id = "e2e-plugin";
const slot = 3;

/** Objects of every group that a release has. The image is the sandbox's Caddy, which has a shell, too. */
const program = `
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const given = (name: string): string => process.env["SHOP_" + name] ?? "";
const provider = new k8s.Provider("cluster", {
  kubeconfig: pulumi.secret(given("KUBECONFIG")), namespace: "shop", clusterIdentifier: "e2e", enablePatchForce: given("FORCE") === "true",
});
const namespace = new k8s.core.v1.Namespace("shop", {
  metadata: { name: "shop", labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
}, { provider });
const options = { provider, dependsOn: [namespace] };
const named = (name: string, labels = {}) => ({ name, labels, annotations: { "pulumi.com/timeoutSeconds": given("SECONDS") } });

const settings = new k8s.core.v1.ConfigMap("settings", { data: { text: given("TEXT"), empty: "" } }, options);
const keys = new k8s.core.v1.Secret("keys", { stringData: { key: pulumi.secret("planted-key-1") } }, options);
const account = new k8s.core.v1.ServiceAccount("shop", {
  metadata: { name: "shop" }, automountServiceAccountToken: false, imagePullSecrets: [{ name: "e2e-registry" }],
}, options);
const claim = new k8s.core.v1.PersistentVolumeClaim("data", {
  metadata: named("data"), spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } } },
}, options);

const pod = (command: string, image: string, more = {}) => ({
  serviceAccountName: account.metadata.name,
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  terminationGracePeriodSeconds: 2,
  securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, seccompProfile: { type: "RuntimeDefault" } },
  containers: [{
    name: "main",
    image,
    command: ["sh", "-c", command],
    args: [],
    env: [{ name: "EMPTY", value: "" }, { name: "KEY", valueFrom: { secretKeyRef: { name: keys.metadata.name, key: "key" } } }],
    resources: { limits: { cpu: "0.5", memory: "0.125Gi" }, requests: { cpu: "0.05", memory: "64Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] },
      readOnlyRootFilesystem: false,
    },
    volumeMounts: [{ name: "settings", mountPath: "/settings", readOnly: true }, { name: "scratch", mountPath: "/scratch" }],
    ...more,
  }],
  volumes: [
    { name: "settings", configMap: { name: settings.metadata.name } },
    { name: "scratch", emptyDir: { sizeLimit: "0.5Gi", medium: "" } },
  ],
});

const upgrade = new k8s.batch.v1.Job("upgrade", {
  metadata: { name: "upgrade", annotations: { "pulumi.com/replaceUnready": "true", "pulumi.com/timeoutSeconds": given("SECONDS") } },
  spec: { backoffLimit: 0, template: { spec: { ...pod(given("UPGRADE"), given("IMAGE")), restartPolicy: "Never" } } },
}, { ...options, dependsOn: [namespace, claim] });

const labels = { app: "web" };
const web = new k8s.apps.v1.Deployment("web", {
  metadata: named("web", labels),
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: { metadata: { labels }, spec: pod(given("COMMAND"), given("IMAGE"), {
      ...(given("ROOT") === "true" && { securityContext: {} }),
      ports: [{ name: "http", containerPort: 8080 }],
      readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1, initialDelaySeconds: 0 },
    }) },
  },
}, { ...options, dependsOn: [namespace, upgrade] });
const service = new k8s.core.v1.Service("web", {
  metadata: named("web", labels),
  spec: { type: "LoadBalancer", selector: labels, ports: [{ name: "http", port: 80, targetPort: "http" }] },
}, { ...options, dependsOn: [web] });

const dbLabels = { app: "db" };
new k8s.apps.v1.StatefulSet("db", {
  metadata: named("db", dbLabels),
  spec: {
    serviceName: "db",
    replicas: 1,
    selector: { matchLabels: dbLabels },
    template: { metadata: { labels: dbLabels }, spec: pod("sleep 100000 & wait", given("DB_IMAGE")) },
  },
}, options);
new k8s.core.v1.Service("db", { metadata: named("db"), spec: { clusterIP: "None", selector: dbLabels, ports: [{ port: 5432 }] } }, options);
new k8s.policy.v1.PodDisruptionBudget("web", { metadata: named("web"), spec: { minAvailable: 1, selector: { matchLabels: labels } } }, options);
new k8s.networking.v1.NetworkPolicy("db", {
  metadata: named("db"),
  spec: { podSelector: { matchLabels: dbLabels }, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 5432 }] }] },
}, options);
new k8s.networking.v1.NetworkPolicy("deny", {
  metadata: named("deny"), spec: { podSelector: { matchLabels: { app: "none" } }, policyTypes: ["Ingress", "Egress"], ingress: [], egress: [] },
}, options);
new k8s.autoscaling.v2.HorizontalPodAutoscaler("db", {
  metadata: named("db"),
  spec: {
    minReplicas: 1,
    maxReplicas: 2,
    scaleTargetRef: { apiVersion: "apps/v1", kind: "StatefulSet", name: "none" },
    metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "AverageValue", averageValue: "0.5" } } }],
  },
}, options);
new k8s.rbac.v1.Role("reader", { metadata: named("reader"), rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] }, options);
new k8s.rbac.v1.RoleBinding("reader", {
  metadata: named("reader"),
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
  subjects: [{ kind: "ServiceAccount", name: "shop", namespace: "shop" }],
}, options);

export const name = settings.metadata.name;
export const address = service.status.loadBalancer.ingress[0]?.ip;
export const job = upgrade.metadata.uid;
`;

const objects = 16;
const serve = 'exec caddy respond --listen :8080 "$(cat /settings/text)"';

/** How the stand-in for the Kubernetes plugin does with a real apiserver and real pods. Not that the official one does the same. */
describe("the stand-in for the Kubernetes plugin, on a node of the sandbox", () => {
  const proxy = preparedImage("proxy");
  const image = proxy.pinned;
  const pull = readServers()?.pull;
  assert.ok(pull !== undefined, "the sandbox's registry runs");
  const registry = { server: "127.0.0.1:5055", secretName: "e2e-registry", ...pull };
  const pools = [{ id: "e2e-pool", name: "default", nodes: ["default-e2e1"] }];
  let stack: TestStack;

  const kubectl = (line: string): string => {
    const args = ["exec", containerName(id), "kubectl", ...line.split(" ")];
    const { status, stdout, stderr } = spawnSync("docker", args, { encoding: "utf8", timeout: 600_000 });
    assert.equal(status, 0, `kubectl ${line}: ${stderr}`);
    return stdout.trim();
  };
  const set = (variables: Readonly<Record<string, string>>): void => {
    for (const [name, value] of Object.entries(variables)) stack.setVariable(`SHOP_${name}`, value);
  };
  const run = async (...args: string[]): Promise<string> => {
    const { status, output } = await stack.pulumi(...args, "--non-interactive", "--color", "never");
    assert.equal(status, 0, output);
    return output;
  };
  const up = (...args: string[]): Promise<string> => run("up", "--yes", "--skip-preview", ...args);
  const failedUp = async (): Promise<string> => {
    const { status, output } = await stack.up();
    assert.notEqual(status, 0, output);
    return output;
  };
  const nothingToDo = async (): Promise<void> => {
    await up("--expect-no-changes");
    await run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    await up("--expect-no-changes");
  };
  const page = async (): Promise<string> => {
    const options = { signal: AbortSignal.timeout(3000), headers: { connection: "close" } };
    const answer = await fetch(`http://${loadBalancerAddress(slot)}/`, options).catch(() => undefined);
    return (await answer?.text()) ?? "no answer";
  };
  const shows = (text: string): Promise<boolean> => until(async () => (await page()) === text, 600_000, 200);

  before(async () => {
    await clusters.removeCluster(id);
    await clusters.createCluster({ id, name: "e2e", version: "1.34.3-do.0", slot, pools, registry });
    stack = new TestStack({ apiUrl: "http://127.0.0.1:1", token: "none", registryAddress: "127.0.0.1:1" });
    stack.config = {};
    stack.setVariable("KUBECONFIG", undefined);
    const config = kubeconfig("e2e", await clusters.clusterCredentials(id));
    set({
      KUBECONFIG: config,
      IMAGE: image,
      DB_IMAGE: image,
      COMMAND: serve,
      UPGRADE: "echo upgraded",
      TEXT: "first",
      SECONDS: "120",
      FORCE: "false",
      ROOT: "false",
    });
    stack.write("index.ts", program);
    await stack.init();
  });

  after(async () => {
    stack.remove();
    await clusters.removeCluster(id);
  });

  it("changes nothing in a preview", async () => {
    assert.match(await run("preview"), new RegExp(`\\+ ${objects + 2} to create`));
    assert.ok(!kubectl("get namespaces -o name").includes("shop"));
  });

  it("makes every kind of object, and waits until pods serve", async () => {
    await up();
    const { address } = await stack.outputs();
    assert.equal(address, loadBalancerAddress(slot));
    assert.equal(await shows("first"), true);
    assert.equal(kubectl("get deployment,statefulset -n shop -o jsonpath={.items[*].status.readyReplicas}"), "2 1");
    assert.equal(kubectl("get job -n shop upgrade -o jsonpath={.status.succeeded}"), "1");
  });

  it("does nothing in a second update, after a refresh, and in the update after it", nothingToDo);

  it("keeps what is secret out of the state", async () => {
    const { token } = await clusters.clusterCredentials(id);
    const stored = stack.storedText();
    for (const planted of ["planted-key-1", Buffer.from("planted-key-1").toString("base64"), token]) {
      assert.ok(!stored.includes(planted));
    }
  });

  it("gives changed settings a new name, which rolls the pods", async () => {
    const { name: before = "" } = await stack.outputs();
    set({ TEXT: "second" });
    await up();
    const { name: after = "" } = await stack.outputs();
    assert.notEqual(after, before);
    assert.equal(await shows("second"), true);
    assert.ok(!kubectl("get configmaps -n shop -o name").includes(before));
    await nothingToDo();
  });

  it("runs a Job again whose template has changed, and not otherwise", async () => {
    const { job: before } = await stack.outputs();
    set({ UPGRADE: "echo upgraded once more" });
    await up();
    const { job: after } = await stack.outputs();
    assert.notEqual(after, before);
    await up("--expect-no-changes");
  });

  it("shows in a preview what the server would refuse", async () => {
    set({ IMAGE: "" });
    const { status, output } = await stack.preview();
    assert.notEqual(status, 0);
    assert.match(output, /containers\[0\]\.image: Required value/);
    set({ IMAGE: image });
  });

  it("shows what was changed by hand as drift, and mends it", async () => {
    kubectl(`set image -n shop deployment/web main=${proxy.reference}:by-hand`);
    kubectl('patch serviceaccount -n shop shop --type merge -p {"automountServiceAccountToken":null}');
    kubectl("label deployment -n shop web somebody=else");
    const drift = await run("refresh", "--yes", "--skip-preview", "--diff").catch((error: unknown) => String(error));
    assert.match(drift, /image: ".*@sha256:\w+" => ".*:by-hand"/);
    assert.match(drift, /- automountServiceAccountToken/);
    await up();
    assert.equal(kubectl("get deployment -n shop web -o jsonpath={.spec.template.spec.containers[0].image}"), image);
    assert.equal(kubectl("get serviceaccount -n shop shop -o jsonpath={.automountServiceAccountToken}"), "false");
    await nothingToDo();
  });

  it("leaves a field alone that a controller owns, unless the provider is told to take it", async () => {
    kubectl("scale deployment -n shop web --replicas=3");
    await run("refresh", "--yes", "--skip-preview");
    assert.match(await failedUp(), /server-side apply field conflict detected[^]*\.spec\.replicas/);
    set({ FORCE: "true" });
    await up();
    assert.equal(kubectl("get deployment -n shop web -o jsonpath={.spec.replicas}"), "2");
    await nothingToDo();
  });

  it("tells why an image cannot be pulled, while the old pods serve, and the next update passes", async () => {
    set({ IMAGE: `${proxy.reference}@sha256:${"0".repeat(64)}`, SECONDS: "20" });
    // The Job is of the same image, and goes first.
    const output = await failedUp();
    assert.match(output, /ErrImagePull|ImagePullBackOff/);
    assert.equal(await page(), "second");
    set({ IMAGE: image, SECONDS: "120" });
    await up();
    await nothingToDo();
  });

  it("tells the last words of a container that ends", async () => {
    set({ COMMAND: "echo booting; echo no such database >&2; exit 3", SECONDS: "15" });
    const output = await failedUp();
    assert.match(output, /'web' timed out waiting to be Ready/);
    assert.match(output, /\(Error: exit code 3\)|completed with exit code 3/);
    assert.match(output, /no such database/);
    assert.equal(await page(), "second");
  });

  it("tells what the restricted standard refuses", async () => {
    set({ COMMAND: serve, ROOT: "true", UPGRADE: "echo upgraded at last" });
    const output = await failedUp();
    assert.match(output, /FailedCreate: .*violates PodSecurity "restricted/);
    assert.equal(await page(), "second");
    set({ ROOT: "false", SECONDS: "120" });
    await up();
    await nothingToDo();
  });

  it("fails with a Job that fails, and makes it anew the next time", async () => {
    set({ UPGRADE: "echo the module is missing; exit 4" });
    const output = await failedUp();
    assert.match(output, /\[BackoffLimitExceeded\] Job has reached the specified backoff limit/);
    assert.match(output, /the module is missing/);
    const failed = kubectl("get job -n shop upgrade -o jsonpath={.metadata.uid}");
    await failedUp();
    assert.notEqual(kubectl("get job -n shop upgrade -o jsonpath={.metadata.uid}"), failed);
    set({ UPGRADE: "echo upgraded" });
    await up();
    await nothingToDo();
  });

  it("goes on with its wait when the apiserver is away for a moment", async () => {
    set({ COMMAND: `sleep 12; ${serve}` });
    const away = stack.endedUpdate(/updating \(\d+s\).*Pods available/, "SIGCONT");
    assert.ok(await until(() => kubectl("get pods -n shop -l app=web -o name").split("\n").length > 2, 600_000, 500));
    await faults.stopApiserver(id);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await faults.startApiserver(id);
    const { status, output } = await away;
    assert.equal(status, 0, output);
    await nothingToDo();
  });

  it("says that an apiserver is away before it changes anything, and goes on when it is back", async () => {
    await faults.stopApiserver(id);
    set({ COMMAND: serve });
    assert.match(await failedUp(), /configured Kubernetes cluster is unreachable/);
    await faults.startApiserver(id);
    await up();
    assert.equal(await shows("second"), true);
  });

  it("ends its waits at an interrupt, and goes on in the next update", async () => {
    set({ COMMAND: `sleep 3600; ${serve}` });
    const { status, output } = await stack.endedUpdate(/Pods available/, "SIGINT");
    assert.notEqual(status, 0, output);
    assert.match(output, /Resource operation was cancelled for "web"/);
    set({ COMMAND: serve });
    await up();
    await nothingToDo();
  });

  it("takes everything away, and waits until it is gone", async () => {
    await run("destroy", "--yes", "--skip-preview");
    assert.ok(!kubectl("get namespaces -o name").includes("shop"));
  });
});
