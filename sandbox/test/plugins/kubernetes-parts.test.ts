import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { replaces } from "../../plugins/kubernetes/force-new";
import { Cluster } from "../../plugins/kubernetes/cluster";
import { differences, isIgnored, pathText } from "../../plugins/kubernetes/differences";
import { kindOfUrn } from "../../plugins/kubernetes/kinds";
import { readConnection } from "../../plugins/kubernetes/kubeconfig";
import { belongsToOthers, takeOver } from "../../plugins/kubernetes/managed-fields";
import { prune } from "../../plugins/kubernetes/prune";
import { sameQuantity } from "../../plugins/kubernetes/quantity";
import type { ValueMap } from "../../plugins/values";
import { urnOf } from "../helpers/plugin-client";

const limits = ["spec", "containers", 0, "resources", "limits", "cpu"];

describe("Parts of the stand-in for Kubernetes", () => {
  it("know equal quantities, and only where quantities are", () => {
    for (const [one, other] of [
      ["0.5", "500m"],
      [2, "2"],
      ["1024Mi", "1Gi"],
      ["1e3", "1k"],
      ["0.1", "100m"],
    ] as const) {
      assert.equal(sameQuantity(limits, one, other), true, `${one} ${other}`);
    }
    assert.equal(sameQuantity(limits, "1Gi", "1G"), false);
    assert.equal(sameQuantity(limits, "a", "a b"), false);
    assert.equal(sameQuantity(["spec", "containers", 0, "env", 0, "value"], "1", "1.0"), false);
    assert.equal(sameQuantity(["data", "limits", "cpu"], "1", "1.0"), false);
  });

  it("compare quantities as numbers", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (milli) => sameQuantity(limits, `${milli}m`, String(milli / 1000))),
      { numRuns: 200 },
    );
  });

  it("write a changed place as the engine reads it", () => {
    const [found] = differences(
      { metadata: { annotations: { "a.b/c": "1" } } },
      { metadata: { annotations: { "a.b/c": "2" } } },
    );
    assert.equal(pathText(found?.path ?? []), 'metadata.annotations["a.b/c"]');
    assert.equal(isIgnored(["spec", "replicas"], ["spec.replicas"]), true);
    assert.equal(isIgnored(["spec", "replicasMore"], ["spec.replicas"]), false);
    assert.equal(isIgnored(["spec", "list", 0, "x"], ["spec.list"]), true);
  });

  it("find no difference between an object and itself", () => {
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom("", "a", 0, 1, false, true),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "limits"), tie("value"), { noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("spec", "data"), value, { noNullPrototype: true }), (object) => {
        const inputs = object as ValueMap;
        assert.deepEqual(differences(inputs, inputs), []);
        assert.deepEqual(prune(inputs, inputs), inputs);
        assert.deepEqual(differences(prune({ ...inputs, status: 1 }, inputs), inputs), []);
      }),
    );
  });

  it("keep an empty input that the server dropped, and not one that somebody took away", () => {
    const inputs = { automountServiceAccountToken: false, labels: {} };
    assert.deepEqual(prune({}, inputs), inputs);
    assert.deepEqual(prune({}, inputs, { automountServiceAccountToken: false }), { labels: {} });
  });

  it("merge field sets of managers, and leave those of subresources", () => {
    const entry = (manager: string, operation: string, fieldsV1: ValueMap, more: ValueMap = {}): ValueMap => ({
      manager,
      operation,
      fieldsV1,
      ...more,
    });
    const scale = entry("kubectl", "Update", { "f:spec": { "f:replicas": {} } }, { subresource: "scale" });
    const live = {
      metadata: {
        managedFields: [
          entry("own", "Apply", { "f:spec": { "f:a": {}, "f:list": {} } }),
          scale,
          entry("kubectl-edit", "Update", { "f:spec": { "f:b": {}, "f:list": { "f:x": {} } } }),
        ],
      },
    };
    const merged = { "f:spec": { "f:a": {}, "f:list": { ".": {}, "f:x": {} }, "f:b": {} } };
    assert.deepEqual(takeOver(live, "own"), [scale, entry("own", "Apply", merged)]);
    assert.equal(takeOver({ metadata: { managedFields: [scale] } }, "own"), undefined);
    assert.equal(belongsToOthers(live, "own", ["spec", "replicas"]), true);
    assert.equal(belongsToOthers(live, "own", ["spec", "a"]), false);
  });

  it("ask a credential helper once, and again after the token's end or its refusal", () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "credential-"));
    const helper = (lifetimeMs: number) => `
      require("node:fs").appendFileSync(${JSON.stringify(path.join(directory, "asked"))}, "x");
      console.log(JSON.stringify({ status: {
        token: "t" + require("node:fs").readFileSync(${JSON.stringify(path.join(directory, "asked"))}, "utf8").length,
        expirationTimestamp: new Date(Date.now() + ${lifetimeMs}).toISOString() } }))`;
    const connect = (lifetimeMs: number) =>
      readConnection({
        kubeconfig: stringify({
          "current-context": "c",
          contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
          clusters: [{ name: "c", cluster: { server: "https://192.0.2.1" } }],
          users: [{ name: "u", user: { exec: { command: "node", args: ["-e", helper(lifetimeMs)] } } }],
        }),
      });
    const lasting = connect(3_600_000);
    assert.equal(lasting.forgetToken(), false);
    assert.deepEqual([lasting.authorization(), lasting.authorization()], ["Bearer t1", "Bearer t1"]);
    assert.deepEqual([lasting.forgetToken(), lasting.authorization()], [true, "Bearer t2"]);
    const ended = connect(0);
    assert.deepEqual([ended.authorization(), ended.authorization()], ["Bearer t3", "Bearer t4"]);
    fs.rmSync(directory, { recursive: true });
  });

  it("know which changes replace an object", () => {
    const { settings } = new Cluster();
    const replacing = (token: string, ...path: (string | number)[]): boolean =>
      replaces(kindOfUrn(urnOf(token, "x")), {}, settings)(path);
    for (const [token, ...path] of [
      ["kubernetes:core/v1:ConfigMap", "data", "a"],
      ["kubernetes:core/v1:Secret", "type"],
      ["kubernetes:core/v1:Service", "spec", "clusterIP"],
      ["kubernetes:core/v1:PersistentVolumeClaim", "spec", "storageClassName"],
      ["kubernetes:apps/v1:StatefulSet", "spec", "volumeClaimTemplates", 0, "spec"],
      ["kubernetes:batch/v1:Job", "spec", "template", "spec"],
      ["kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "roleRef", "name"],
      ["kubernetes:apps/v1:Deployment", "metadata", "name"],
    ] as [string, ...(string | number)[]][]) {
      assert.equal(replacing(token, ...path), true, `${token} ${path.join(".")}`);
    }
    for (const [token, ...path] of [
      ["kubernetes:core/v1:ConfigMap", "metadata", "labels"],
      ["kubernetes:core/v1:PersistentVolumeClaim", "spec", "resources", "requests", "storage"],
      ["kubernetes:apps/v1:StatefulSet", "spec", "template"],
      ["kubernetes:batch/v1:Job", "spec", "backoffLimit"],
    ] as [string, ...string[]][]) {
      assert.equal(replacing(token, ...path), false, `${token} ${path.join(".")}`);
    }
  });
});
