import assert from "node:assert/strict";
import { mock } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { at, textAt } from "../../plugins/kubernetes/objects";
import { kubernetes } from "../../plugins/kubernetes/provider";
import { ProviderServer } from "../../plugins/provider-server";
import { isSecret, reveal, secret, unknown, type Value, type ValueMap } from "../../plugins/values";
import { PaperApiserver } from "../helpers/paper-apiserver";
import { PluginClient, PluginError, urnOf } from "../helpers/plugin-client";

const mapUrn = urnOf("kubernetes:core/v1:ConfigMap", "rules");
const secretUrn = urnOf("kubernetes:core/v1:Secret", "keys");
const webUrn = urnOf("kubernetes:apps/v1:Deployment", "web");
const jobUrn = urnOf("kubernetes:batch/v1:Job", "upgrade");
const claimUrn = urnOf("kubernetes:core/v1:PersistentVolumeClaim", "data");

const maps = "/api/v1/namespaces/shop/configmaps";
const deployments = "/apis/apps/v1/namespaces/shop/deployments";

// What the engine does with it, and how a real apiserver answers, is shown with those.
describe("The stand-in for Kubernetes objects", () => {
  const apiserver = new PaperApiserver();
  let server: ProviderServer;
  let plugin: PluginClient;
  before(() => apiserver.start());
  after(() => apiserver.stop());
  beforeEach(async () => {
    apiserver.objects.clear();
    apiserver.seen.length = 0;
    apiserver.keepDeleted = false;
    server = new ProviderServer(kubernetes(), "4.34.2");
    plugin = new PluginClient(await server.listen());
    await plugin.configure({ kubeconfig: apiserver.kubeconfig() });
  });
  afterEach(() => {
    plugin.close();
    server.close();
  });

  const map = (data: ValueMap, more: ValueMap = {}): ValueMap => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "rules", namespace: "shop" },
    data,
    ...more,
  });
  const made = async (urn: string, inputs: ValueMap): Promise<{ id: string; state: ValueMap; inputs: ValueMap }> => {
    const checked = await plugin.check(urn, inputs);
    assert.deepEqual(checked.failures, []);
    return { ...(await plugin.create(urn, checked.inputs)), inputs: checked.inputs };
  };

  describe("Check", () => {
    it("fills in kind, the kubeconfig's namespace and a made-up name, and keeps that name", async () => {
      const { inputs } = await plugin.check(mapUrn, { data: { a: "1" } });
      assert.equal(inputs["apiVersion"], "v1");
      assert.equal(inputs["kind"], "ConfigMap");
      assert.equal(textAt(inputs, "metadata", "namespace"), "shop");
      assert.match(textAt(inputs, "metadata", "name"), /^rules-[0-9a-f]{8}$/);
      assert.equal(textAt(inputs, "metadata", "annotations", "pulumi.com/autonamed"), "true");
      const again = await plugin.check(mapUrn, { data: { a: "2" } }, inputs);
      assert.equal(textAt(again.inputs, "metadata", "name"), textAt(inputs, "metadata", "name"));
    });

    it("keeps a given name and namespace, and gives no namespace to what has none", async () => {
      const { inputs } = await plugin.check(mapUrn, { metadata: { name: "fixed", namespace: "other" } });
      assert.deepEqual(inputs["metadata"], { name: "fixed", namespace: "other" });
      const namespace = await plugin.check(urnOf("kubernetes:core/v1:Namespace", "shop"), {
        metadata: { name: "shop" },
      });
      assert.deepEqual(namespace.inputs["metadata"], { name: "shop" });
    });

    it("turns a Secret's text into data, and marks all of it as secret", async () => {
      const { inputs } = await plugin.check(secretUrn, {
        metadata: { name: "keys" },
        stringData: { key: "hunter22" },
        data: { old: "b2xk" },
      });
      assert.ok(isSecret(inputs["data"]));
      assert.deepEqual(reveal(inputs["data"] ?? null), { old: "b2xk", key: "aHVudGVyMjI=" });
      assert.equal(inputs["stringData"], undefined);
    });

    it("refuses by name what it cannot do", async () => {
      const waiting = { metadata: { annotations: { "pulumi.com/waitFor": "jsonpath={.x}" } } };
      assert.match((await plugin.check(mapUrn, waiting)).failures.join(), /"pulumi.com\/waitFor" is not supported/);
      await assert.rejects(
        plugin.check(urnOf("kubernetes:helm.sh/v3:Release", "r"), {}),
        /"kubernetes:helm.sh\/v3:Release" is not supported/,
      );
    });
  });

  describe("Create", () => {
    it("posts the inputs, and keeps what came in secret secret", async () => {
      const env = [{ name: "KEY", value: secret("hunter22") }];
      const inputs = { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i", env }], nodeName: "n" } };
      const { id, state } = await made(urnOf("kubernetes:core/v1:Pod", "p"), {
        ...inputs,
        metadata: { name: "p", annotations: { "pulumi.com/skipAwait": "true" } },
      });
      assert.equal(id, "shop/p");
      const [sent] = apiserver.seen;
      assert.equal(
        `${sent?.method} ${sent?.path} ${sent?.query["fieldManager"]}`,
        "POST /api/v1/namespaces/shop/pods pulumi-kubernetes",
      );
      assert.ok(isSecret(at(state, "spec", "containers")) && isSecret(at(state, "__inputs", "spec", "containers")));
      assert.equal(at(state, "spec", "nodeName"), "n");
      assert.match(textAt(state, "__fieldManager"), /^pulumi-kubernetes-[0-9a-f]{8}$/);
    });

    it("says so when the object exists", async () => {
      apiserver.put(`${maps}/rules`, map({}));
      await assert.rejects(
        made(mapUrn, map({ a: "1" })),
        /was not successfully created .*"rules" already exists[^]*upsertExistingObjects/,
      );
      assert.equal(apiserver.objects.get(`${maps}/rules`)?.["data"] instanceof Object, true);
    });

    it("waits for a namespace that comes a moment later", async () => {
      apiserver.refusals.set(`POST ${maps}`, { code: 404, reason: "NotFound", message: 'namespaces "shop" not found' });
      await made(mapUrn, map({ a: "1" }));
      assert.deepEqual(apiserver.writes(), [`POST ${maps}`, `POST ${maps}`]);
    });

    it("asks the server in a preview, and changes nothing", async () => {
      const { id, state } = await plugin.create(mapUrn, map({ a: "1" }), true);
      assert.equal(id, "");
      assert.equal(textAt(state, "data", "a"), "1");
      assert.deepEqual(apiserver.seen[0]?.query, { fieldManager: "pulumi-kubernetes", dryRun: "All" });
      assert.equal(apiserver.objects.size, 0);
    });

    it("asks under another name in a preview, when the object that goes first stands in the way", async () => {
      await plugin.configure({ kubeconfig: apiserver.kubeconfig(), upsertExistingObjects: "true" });
      const path = "/apis/batch/v1/namespaces/shop/jobs/upgrade";
      const refuse = (message: string) =>
        apiserver.refusals.set(`PATCH ${path}`, { code: 422, reason: "Invalid", message });
      const inputs = {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: "upgrade", namespace: "shop" },
        spec: { template: { spec: {} } },
      };
      const immutable = 'Job.batch "upgrade" is invalid: spec.template: Invalid value: {}: field is immutable';
      refuse(immutable);
      await plugin.create(jobUrn, inputs, true);
      const [first, second, ...rest] = apiserver.writes();
      assert.deepEqual([first, rest], [`PATCH ${path}`, []]);
      assert.match(second ?? "", new RegExp(`^PATCH ${path}[0-9a-f]{5}$`));
      refuse('Job.batch "upgrade" is invalid: spec.template: Required value');
      await assert.rejects(plugin.create(jobUrn, inputs, true), /Required value/);
      refuse(immutable);
      await assert.rejects(plugin.create(jobUrn, inputs), /field is immutable/);
      assert.deepEqual(apiserver.writes(), [`PATCH ${path}`, `PATCH ${path}`]);
      assert.equal(apiserver.objects.size, 0);
    });

    it("asks nothing in a preview with unknown inputs", async () => {
      const inputs = map({ a: unknown });
      assert.deepEqual((await plugin.create(mapUrn, inputs, true)).state, inputs);
      assert.deepEqual(apiserver.seen, []);
    });
  });

  describe("Diff", () => {
    const live = (object: ValueMap, inputs: ValueMap): ValueMap => ({ ...object, __inputs: inputs });
    const deployment = (container: ValueMap, more: ValueMap = {}): ValueMap => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "shop" },
      spec: {
        selector: { matchLabels: { app: "web" } },
        template: { spec: { containers: [{ name: "c", image: "i", ...container }] } },
        ...more,
      },
    });

    it("sees no difference in what the server added, dropped or wrote in another way", async () => {
      const inputs = deployment({ resources: { limits: { cpu: "0.5", memory: "1024Mi" } }, args: [], stdin: false });
      const kept = deployment(
        { resources: { limits: { cpu: "500m", memory: "1Gi" } }, imagePullPolicy: "Always" },
        { replicas: 1 },
      );
      const { changes, replacesList } = await plugin.diff(
        webUrn,
        live({ ...kept, status: { replicas: 1 } }, inputs),
        inputs,
        inputs,
      );
      assert.deepEqual([changes, replacesList], [1, []]);
    });

    it("names the changed places", async () => {
      const inputs = deployment({ env: [{ name: "A", value: "1" }], stdin: true });
      const news = deployment({ env: [{ name: "A", value: "1.0" }], workingDir: "/" });
      const { changes, replacesList, detaileddiffMap } = await plugin.diff(webUrn, live(inputs, inputs), inputs, news);
      const container = "spec.template.spec.containers[0]";
      assert.deepEqual([changes, replacesList], [2, []]);
      assert.deepEqual(detaileddiffMap.map(([path]) => path).sort(), [
        `${container}.env[0].value`,
        `${container}.stdin`,
        `${container}.workingDir`,
      ]);
    });

    it("sees by a changed value what somebody else changed", async () => {
      const inputs = deployment({});
      const { changes } = await plugin.diff(webUrn, live(deployment({ image: "by hand" }), inputs), inputs, inputs);
      assert.equal(changes, 2);
    });

    it("replaces for a field that cannot change: the old one first when the name is given", async () => {
      const inputs = deployment({});
      const news = deployment({}, { selector: { matchLabels: { app: "other" } } });
      const { replacesList, deletebeforereplace } = await plugin.diff(webUrn, live(inputs, inputs), inputs, news);
      assert.deepEqual([replacesList, deletebeforereplace], [["spec.selector.matchLabels.app"], true]);
    });

    it("replaces a ConfigMap with a made-up name for new data, beside the old one", async () => {
      const first = await plugin.check(mapUrn, { data: { a: "1" } });
      const news = await plugin.check(mapUrn, { data: { a: "2" } }, first.inputs);
      const found = await plugin.diff(mapUrn, live(first.inputs, first.inputs), first.inputs, news.inputs);
      assert.deepEqual([found.replacesList, found.deletebeforereplace], [["data.a"], false]);
      const labelled = { ...first.inputs, metadata: { ...(first.inputs["metadata"] as ValueMap), labels: { a: "b" } } };
      assert.deepEqual(
        (await plugin.diff(mapUrn, live(first.inputs, first.inputs), first.inputs, labelled)).replacesList,
        [],
      );
    });

    it("replaces for another name or namespace", async () => {
      const inputs = map({});
      for (const metadata of [
        { name: "rules", namespace: "b" },
        { name: "c", namespace: "shop" },
      ]) {
        const found = await plugin.diff(mapUrn, live(inputs, inputs), inputs, map({}, { metadata }));
        assert.equal(found.replacesList.length, 1);
        assert.equal(found.deletebeforereplace, false);
      }
    });

    it("reports a Job that failed for replacement when the program asks for that", async () => {
      const inputs = {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: "upgrade", namespace: "shop", annotations: { "pulumi.com/replaceUnready": "true" } },
      };
      const path = "/apis/batch/v1/namespaces/shop/jobs/upgrade";
      apiserver.put(path, { ...inputs, status: { conditions: [{ type: "Failed", status: "True" }] } });
      assert.equal((await plugin.diff(jobUrn, live(inputs, inputs), inputs, inputs)).replacesList.length, 1);
      apiserver.put(path, { ...inputs, status: { conditions: [{ type: "Complete", status: "True" }] } });
      assert.equal((await plugin.diff(jobUrn, live(inputs, inputs), inputs, inputs)).replacesList.length, 0);
    });
  });

  describe("Update", () => {
    it("takes over what kubectl changed, then applies under its own name", async () => {
      const { id, state, inputs } = await made(mapUrn, map({ a: "1" }));
      const byHand = { manager: "kubectl-edit", operation: "Update", fieldsV1: { "f:data": { "f:a": {} } } };
      const controller = {
        manager: "controller",
        operation: "Update",
        subresource: "status",
        fieldsV1: { "f:status": {} },
      };
      apiserver.put(`${maps}/rules`, { metadata: { managedFields: [controller, byHand] } });
      apiserver.seen.length = 0;
      await plugin.update(
        mapUrn,
        id,
        state,
        inputs,
        map({ a: "1" }, { metadata: { name: "rules", namespace: "shop", labels: { x: "y" } } }),
      );
      const manager = textAt(state, "__fieldManager");
      const [patch, apply] = apiserver.seen.filter(({ method }) => method === "PATCH");
      assert.deepEqual(at(patch?.body as Value, 0, "value"), [controller, { ...byHand, manager, operation: "Apply" }]);
      assert.deepEqual(
        [apply?.type, apply?.query],
        ["application/apply-patch+yaml", { fieldManager: manager, force: "false" }],
      );
    });

    it("tells who else owns a field", async () => {
      const { id, state, inputs } = await made(mapUrn, map({ a: "1" }));
      const path = `${maps}/rules`;
      apiserver.put(path, { metadata: { managedFields: [{ manager: "x", operation: "Apply", fieldsV1: {} }] } });
      apiserver.refusals.set(`PATCH ${path}`, { code: 409, reason: "Conflict", message: 'conflict with "x": .data.a' });
      await assert.rejects(
        plugin.update(mapUrn, id, state, inputs, map({ a: "2" })),
        /apply conflict: conflict with "x": \.data\.a/,
      );
    });

    it("asks with a dry run in a preview, and takes nothing over", async () => {
      const { id, state, inputs } = await made(mapUrn, map({ a: "1" }));
      apiserver.seen.length = 0;
      await plugin.update(mapUrn, id, state, inputs, map({ a: "2" }), true);
      const patches = apiserver.seen.filter(({ method }) => method === "PATCH").map(({ query }) => query);
      assert.deepEqual(patches, [{ fieldManager: textAt(state, "__fieldManager"), force: "true", dryRun: "All" }]);
      assert.deepEqual(apiserver.objects.get(`${maps}/rules`)?.["data"], { a: "1" });
    });
  });

  describe("Read", () => {
    it("shows what was changed by hand, and not what others added", async () => {
      const { id, state, inputs } = await made(mapUrn, map({ a: "1", b: "" }));
      apiserver.put(`${maps}/rules`, { data: { a: "by hand", more: "x" } });
      const read = await plugin.read(mapUrn, id, state, inputs);
      assert.deepEqual(read.inputs["data"], { a: "by hand", b: "" });
      assert.deepEqual(read.state["data"], { a: "by hand", b: "", more: "x" });
    });

    it("answers nothing for an object that is gone", async () => {
      const { id, state, inputs } = await made(mapUrn, map({}));
      apiserver.objects.clear();
      assert.equal((await plugin.read(mapUrn, id, state, inputs)).id, "");
    });

    it("takes all that is there for an import", async () => {
      apiserver.put(`${maps}/rules`, map({ a: "1" }));
      const read = await plugin.read(mapUrn, "shop/rules", {}, {});
      assert.deepEqual(read.inputs, map({ a: "1" }));
    });

    it("keeps a Secret's data secret", async () => {
      const { id, state, inputs } = await made(secretUrn, {
        metadata: { name: "keys" },
        stringData: { key: "hunter22" },
      });
      const read = await plugin.read(secretUrn, id, state, inputs);
      assert.ok(isSecret(read.inputs["data"]) && isSecret(read.state["data"]));
    });
  });

  describe("Delete", () => {
    it("waits until the object is gone, what it owns first", async () => {
      const { id, state, inputs } = await made(mapUrn, map({}));
      apiserver.keepDeleted = true;
      apiserver.seen.length = 0;
      let done = false;
      const deleting = plugin.delete(mapUrn, id, state, inputs).then(() => (done = true));
      await delay(500);
      assert.equal(done, false);
      apiserver.objects.clear();
      await deleting;
      const [sent] = apiserver.seen;
      assert.deepEqual([sent?.method, at(sent?.body as ValueMap, "propagationPolicy")], ["DELETE", "Foreground"]);
      await plugin.delete(mapUrn, id, state, inputs);
    });

    it("gives up after the object's own time, and says what holds it", async () => {
      const annotations = { "pulumi.com/timeoutSeconds": "1", "pulumi.com/deletionPropagationPolicy": "background" };
      const { id, state, inputs } = await made(
        mapUrn,
        map({}, { metadata: { name: "rules", namespace: "shop", annotations } }),
      );
      apiserver.put(`${maps}/rules`, { metadata: { finalizers: ["example.com/hold"] } });
      apiserver.keepDeleted = true;
      await assert.rejects(
        plugin.delete(mapUrn, id, state, inputs),
        /timed out waiting to be deleted: finalizers .*example.com\/hold/,
      );
    });
  });

  describe("Waiting", () => {
    // Nobody's time ends before the test says so.
    beforeEach(() => mock.timers.enable({ apis: ["Date"], now: Date.now() }));
    afterEach(() => mock.timers.reset());
    const passing = async <T>(outcome: Promise<T>): Promise<T> => {
      let over = false;
      const settled = outcome.finally(() => (over = true));
      settled.catch(() => undefined);
      while (!over) {
        mock.timers.tick(1000);
        await delay(20);
      }
      return settled;
    };
    const web: ValueMap = {
      metadata: { name: "web", annotations: { "pulumi.com/timeoutSeconds": "20" } },
      spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template: {} },
    };
    const owner = (path: string): ValueMap => ({
      metadata: { ownerReferences: [{ uid: textAt(apiserver.objects.get(path), "metadata", "uid") }] },
    });
    const set = "/apis/apps/v1/namespaces/shop/replicasets/web-1";
    const podPath = "/api/v1/namespaces/shop/pods/web-1-a";

    /** What the controllers do with a Deployment. */
    const controllers = (readyReplicas: number): void => {
      const revision = { annotations: { "deployment.kubernetes.io/revision": "1" } };
      const status = readyReplicas > 0 ? "True" : "False";
      const conditions = [{ type: "Available", status, reason: "MinimumReplicas", message: "as it says" }];
      apiserver.put(`${deployments}/web`, { metadata: revision, status: { observedGeneration: 1, conditions } });
      apiserver.put(set, { ...owner(`${deployments}/web`), spec: { replicas: 1 }, status: { readyReplicas } });
      apiserver.put(set, { metadata: revision });
      apiserver.put(podPath, owner(set));
    };
    const appears = async (path: string): Promise<void> => {
      while (!apiserver.objects.has(path)) await delay(20);
    };

    it("ends when a Deployment's replica set is ready and it is available", async () => {
      const creating = made(webUrn, web);
      await appears(`${deployments}/web`);
      controllers(0);
      await delay(400);
      controllers(1);
      const { state } = await creating;
      assert.equal(at(state, "status", "observedGeneration"), 1);
    });

    it("tells after its time why not, and keeps the object in the state", async () => {
      const creating = made(webUrn, web);
      await appears(`${deployments}/web`);
      controllers(0);
      const terminated = { exitCode: 3, reason: "Error", finishedAt: "2026-01-01T00:00:00Z" };
      const waiting = { reason: "CrashLoopBackOff", message: "back-off 10s" };
      const containerStatuses = [{ name: "c", ready: false, state: { waiting }, lastState: { terminated } }];
      const conditions: readonly ValueMap[] = [
        { type: "PodScheduled", status: "True" },
        { type: "Initialized", status: "True" },
        {
          type: "Ready",
          status: "False",
          reason: "ContainersNotReady",
          message: "containers with unready status: [c]",
        },
      ];
      apiserver.put(podPath, { status: { conditions, containerStatuses } });
      apiserver.logs.set(`${podPath}/log`, "booting\nno such database\n");
      const involvedObject = {
        uid: textAt(apiserver.objects.get(set), "metadata", "uid"),
        kind: "ReplicaSet",
        name: "web-1",
      };
      apiserver.put("/api/v1/namespaces/shop/events/e", {
        involvedObject,
        type: "Warning",
        reason: "FailedCreate",
        message: "forbidden",
      });
      const error = await failure(passing(creating));
      assert.match(error.message, /was successfully created, but .*: 'web' timed out waiting to be Ready/);
      assert.equal(error.unfinished?.id, "shop/web");
      assert.equal(textAt(error.unfinished?.state, "metadata", "name"), "web");
      const all = error.reasons.join("\n");
      for (const part of [
        "Minimum number of live Pods was not attained",
        "[CrashLoopBackOff] back-off 10s",
        'container "c" terminated at 2026-01-01T00:00:00Z (Error: exit code 3)',
        "ReplicaSet web-1: FailedCreate: forbidden",
        "no such database",
      ]) {
        assert.ok(all.includes(part), `${part}\nis not in\n${all}`);
      }
    });

    it("ends at once on Cancel, and keeps the object in the state", async () => {
      const outcome = failure(made(webUrn, web));
      await appears(`${deployments}/web`);
      await plugin.cancel();
      const error = await outcome;
      assert.match(error.message, /Resource operation was cancelled for "web"/);
      assert.equal(error.unfinished?.id, "shop/web");
    });

    it("fails with a Job that failed", async () => {
      const outcome = failure(made(jobUrn, { metadata: { name: "upgrade" }, spec: {} }));
      const path = "/apis/batch/v1/namespaces/shop/jobs/upgrade";
      await appears(path);
      const reason = {
        type: "Failed",
        status: "True",
        reason: "BackoffLimitExceeded",
        message: "it has reached its limit",
      };
      apiserver.put(path, { status: { conditions: [reason] } });
      const error = await outcome;
      assert.match(error.reasons.join(), /\[BackoffLimitExceeded\] it has reached its limit/);
    });

    it("does not wait for a claim whose class binds at the first use, and does for another", async () => {
      apiserver.put("/apis/storage.k8s.io/v1/storageclasses/late", { volumeBindingMode: "WaitForFirstConsumer" });
      const claim = (name: string, storageClassName: string): Promise<unknown> =>
        made(claimUrn, {
          metadata: { name, annotations: { "pulumi.com/timeoutSeconds": "1" } },
          spec: { storageClassName },
        });
      const path = "/api/v1/namespaces/shop/persistentvolumeclaims";
      const late = claim("a", "late");
      await appears(`${path}/a`);
      apiserver.put(`${path}/a`, { status: { phase: "Pending" } });
      await late;
      await assert.rejects(passing(claim("b", "early")), /'b' timed out waiting to be Ready/);
    });

    it("is skipped where the program says so", async () => {
      await made(jobUrn, { metadata: { name: "upgrade", annotations: { "pulumi.com/skipAwait": "true" } }, spec: {} });
    });
  });

  describe("A cluster that cannot be reached", () => {
    const failing = async (config: ValueMap): Promise<void> => {
      await plugin.configure(config);
      const { inputs, failures } = await plugin.check(mapUrn, map({ a: "1" }));
      assert.deepEqual(failures, []);
      assert.deepEqual((await plugin.create(mapUrn, inputs, true)).state, inputs);
      await assert.rejects(plugin.create(mapUrn, inputs), /configured Kubernetes cluster is unreachable: /);
      await assert.rejects(
        plugin.read(mapUrn, "shop/rules", inputs, inputs),
        /failed to read resource state due to unreachable cluster/,
      );
      await assert.rejects(
        plugin.delete(mapUrn, "shop/rules", inputs, inputs),
        /configured Kubernetes cluster is unreachable/,
      );
    };

    it("shows creations in a preview, and fails an update by name: nobody listens", () =>
      failing({ kubeconfig: apiserver.kubeconfig("t", "http://127.0.0.1:1") }));
    it("…: the credentials are wrong", () => failing({ kubeconfig: apiserver.kubeconfig("wrong") }));
    it("…: the kubeconfig is none", () => failing({ kubeconfig: "planted: [secret" }));

    it("lets its objects go when told to", async () => {
      await plugin.configure({ kubeconfig: "{}", deleteUnreachable: "true" });
      await plugin.delete(mapUrn, "shop/rules", map({}), map({}));
      assert.equal((await plugin.read(mapUrn, "shop/rules", map({}), map({}))).id, "");
    });
  });

  describe("Another configuration", () => {
    const diffOf = async (old: ValueMap, now: ValueMap): Promise<readonly string[]> =>
      (await plugin.diffConfig(old, now)).replacesList;

    it("keeps the provider for new credentials, and replaces it for another cluster", async () => {
      const old = { kubeconfig: apiserver.kubeconfig("a") };
      assert.deepEqual(await diffOf(old, { kubeconfig: apiserver.kubeconfig("b") }), []);
      assert.deepEqual(await diffOf(old, { kubeconfig: apiserver.kubeconfig("a", "https://other") }), ["kubeconfig"]);
      assert.deepEqual(await diffOf(old, { kubeconfig: unknown }), ["kubeconfig"]);
    });

    it("goes by the cluster's identifier where there is one", async () => {
      const old = { kubeconfig: apiserver.kubeconfig("a"), clusterIdentifier: "1" };
      assert.deepEqual(await diffOf(old, { kubeconfig: unknown, clusterIdentifier: "1" }), []);
      assert.deepEqual(await diffOf(old, { ...old, clusterIdentifier: "2" }), ["clusterIdentifier"]);
    });
  });
});

async function failure(action: Promise<unknown>): Promise<PluginError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PluginError, String(error));
  return error;
}
