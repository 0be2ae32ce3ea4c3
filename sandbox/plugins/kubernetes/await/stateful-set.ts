import { numberAt, textAt, type KubeObject } from "../objects";
import { podsOf } from "./lists";
import { ready, type Look, type Rule } from "./rule";

/** A StatefulSet is ready when all its replicas are, and run its newest revision (with `OnDelete` a person sees to that). */
export const statefulSet: Rule = {
  group: "apps",
  kind: "StatefulSet",
  onRead: true,
  look: async (live) => judge(live),
  related: async (live, looking) => ({ owners: [], pods: await podsOf(live, looking) }),
};

function judge(live: KubeObject): Look {
  const status = (name: string): number => numberAt(live, "status", name) ?? 0;
  const generation = numberAt(live, "metadata", "generation") ?? 0;
  const wanted = numberAt(live, "spec", "replicas") ?? 1;
  const [current, target] = [textAt(live, "status", "currentRevision"), textAt(live, "status", "updateRevision")];
  const onDelete = generation > 1 && textAt(live, "spec", "updateStrategy", "type") === "OnDelete";
  const observed = status("observedGeneration") >= generation;
  const replicasReady =
    observed &&
    wanted === status("replicas") &&
    wanted === status("readyReplicas") &&
    (onDelete || wanted === status("currentReplicas"));
  const revisionReady = observed && (onDelete || (current !== "" && current === target));
  if (replicasReady && revisionReady) return ready;
  const counted = revisionReady
    ? status("readyReplicas")
    : Math.min(status("readyReplicas"), status("updatedReplicas"));
  return {
    ready: false,
    problems: [
      ...(replicasReady ? [] : [`${counted} out of ${wanted} replicas succeeded readiness checks`]),
      ...(revisionReady
        ? []
        : [`StatefulSet controller failed to advance from revision "${current}" to revision "${target}"`]),
    ],
    progress: `Waiting for StatefulSet to roll out (${counted}/${wanted} Pods ready)`,
  };
}
