import {
  annotation,
  at,
  condition,
  isOwnedBy,
  listAt,
  nameOf,
  namespaceOf,
  numberAt,
  textAt,
  type KubeObject,
} from "../objects";
import { listBeside, podsOf, selectorQuery } from "./lists";
import { ready, type Look, type Looking, type Related, type Rule } from "./rule";

const revisionKey = "deployment.kubernetes.io/revision";

/**
 * A Deployment is ready when its controller has seen it, the replica set of its revision has all its pods ready, and it is
 * available; from the second revision on the roll-out must be complete. Claims that its pods mount are bound.
 */
export const deployment: Rule = {
  group: "apps",
  kind: "Deployment",
  onRead: true,
  async look(live, looking) {
    const revision = annotation(live, revisionKey);
    if (numberAt(live, "status", "observedGeneration") !== numberAt(live, "metadata", "generation")) {
      return {
        ready: false,
        problems: ["Minimum number of live Pods was not attained"],
        progress: "waiting for the Deployment controller",
      };
    }
    const set = (await replicaSets(live, looking)).find((item) => annotation(item, revisionKey) === revision);
    const unbound = await unboundClaims(live, looking);
    return judge(live, revision, set, unbound);
  },
  async related(live, looking): Promise<Related> {
    const revision = annotation(live, revisionKey);
    const sets = (await replicaSets(live, looking)).filter((item) => annotation(item, revisionKey) === revision);
    return { owners: sets, pods: (await Promise.all(sets.map((set) => podsOf(set, looking)))).flat() };
  },
};

function judge(live: KubeObject, revision: string, set: KubeObject | undefined, unbound: readonly string[]): Look {
  const available = condition(live, "Available");
  const progressing = condition(live, "Progressing");
  const rolledOut = progressing?.["status"] === "True" && progressing["reason"] === "NewReplicaSetAvailable";
  const wanted = set === undefined ? undefined : (numberAt(set, "spec", "replicas") ?? 1);
  const found = set === undefined ? 0 : (numberAt(set, "status", "readyReplicas") ?? 0);
  const setReady = wanted !== undefined && found >= wanted;
  const problems: string[] = [];
  for (const state of [progressing, available]) {
    if (state !== undefined && state["status"] !== "True")
      problems.push(`[${textAt(state, "reason")}] ${textAt(state, "message")}`);
  }
  if (unbound.length > 0) problems.push(`Failed to bind PersistentVolumeClaim(s): "${unbound.join(",")}"`);
  if (available?.["status"] !== "True") problems.push("Minimum number of live Pods was not attained");
  else if (revision !== "1" && !rolledOut)
    problems.push("Minimum number of Pods to consider the application live was not attained");
  else if (!setReady)
    problems.push("Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live");
  if (available?.["status"] === "True" && (revision === "1" || rolledOut) && setReady && unbound.length === 0)
    return ready;
  const progress = `Waiting for app ReplicaSet to be available (${found}/${wanted ?? numberAt(live, "spec", "replicas") ?? 1} Pods available)`;
  return { ready: false, problems, progress };
}

async function replicaSets(live: KubeObject, looking: Looking): Promise<readonly KubeObject[]> {
  const sets = await listBeside(
    live,
    "/apis/apps/v1",
    "replicasets",
    looking,
    selectorQuery(at(live, "spec", "selector")),
  );
  return sets.filter((set) => isOwnedBy(set, live));
}

async function unboundClaims(live: KubeObject, looking: Looking): Promise<readonly string[]> {
  const names = listAt(live, "spec", "template", "spec", "volumes").map((volume) =>
    textAt(volume, "persistentVolumeClaim", "claimName"),
  );
  const claims = await Promise.all(
    [...new Set(names.filter((name) => name !== ""))].map((name) =>
      looking.client.find(`/api/v1/namespaces/${namespaceOf(live)}/persistentvolumeclaims/${name}`, looking.signal),
    ),
  );
  return claims
    .filter((claim) => claim !== undefined && textAt(claim, "status", "phase") !== "Bound")
    .map((claim) => nameOf(claim ?? {}));
}
