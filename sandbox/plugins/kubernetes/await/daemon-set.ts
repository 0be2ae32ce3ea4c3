import { numberAt } from "../objects";
import { podsOf } from "./lists";
import { ready, type Rule } from "./rule";

/** A DaemonSet is ready when each node that it is for runs its newest pod, and that one is available. */
export const daemonSet: Rule = {
  group: "apps",
  kind: "DaemonSet",
  onRead: true,
  async look(live) {
    const status = (name: string): number => numberAt(live, "status", name) ?? 0;
    const wanted = status("desiredNumberScheduled");
    const observed = status("observedGeneration") >= (numberAt(live, "metadata", "generation") ?? 0);
    const counts = ["currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"].map(status);
    if (observed && counts.every((count) => count >= wanted)) return ready;
    const progress = `Available: ${status("numberAvailable")}/${wanted}`;
    return { ready: false, problems: [progress], progress };
  },
  related: async (live, looking) => ({ owners: [], pods: await podsOf(live, looking) }),
};
