import { randomUUID } from "node:crypto";

import { at, textAt } from "../../sandbox/plugins/kubernetes/objects";
import type { ValueMap } from "../../sandbox/plugins/values";
import type { PaperApiserver } from "../../sandbox/test/helpers/paper-apiserver";

const revision = "deployment.kubernetes.io/revision";

/**
 * Says of every object on a paper apiserver at once that it is as it should be, as a cluster's controllers do in the end. Jobs end as they are told.
 * Nothing runs: what this does not show is that anything would.
 */
export class PaperControllers {
  /** Why Jobs fail; undefined while they succeed. */
  failure: string | undefined;
  /** Beginning of `kind/name` of the objects of which nothing is said for now: whoever waits for them goes on waiting. */
  held: string | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly apiserver: PaperApiserver) {
    this.#timer = setInterval(() => this.#settle(), 100);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #settle(): void {
    for (const [path, object] of [...this.apiserver.objects]) {
      const [, base = "", kind = "", name = ""] = /^(.*)\/([a-z]+)\/([^/]+)$/.exec(path) ?? [];
      const open =
        at(object, "status") === undefined && (this.held === undefined || !`${kind}/${name}`.startsWith(this.held));
      const status = open ? this.#statusOf(kind, object) : undefined;
      if (status !== undefined) {
        const bound = kind === "persistentvolumeclaims" && {
          spec: { volumeName: `pvc-${textAt(object, "metadata", "uid")}` },
        };
        this.apiserver.put(path, { status, ...bound });
      }
      // An apply on paper takes away what it does not name.
      if (kind === "deployments" && at(object, "metadata", "annotations", revision) === undefined) {
        this.#replicaSet(path, base, name, object);
      }
      if (kind === "services" && !this.apiserver.objects.has(`${base}/endpoints/${name}`)) {
        this.apiserver.put(`${base}/endpoints/${name}`, { subsets: [{ addresses: [{ ip: "198.19.0.9" }] }] });
      }
    }
  }

  #statusOf(kind: string, object: ValueMap): ValueMap | undefined {
    const replicas = at(object, "spec", "replicas") ?? 1;
    switch (kind) {
      case "deployments":
        return {
          observedGeneration: 1,
          conditions: [
            { type: "Available", status: "True" },
            { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" },
          ],
        };
      case "statefulsets":
        return {
          observedGeneration: 1,
          replicas,
          readyReplicas: replicas,
          currentReplicas: replicas,
          updatedReplicas: replicas,
          currentRevision: "r1",
          updateRevision: "r1",
        };
      case "jobs":
        return this.failure === undefined
          ? { succeeded: 1, conditions: [{ type: "Complete", status: "True" }] }
          : {
              failed: 1,
              conditions: [{ type: "Failed", status: "True", reason: "BackoffLimitExceeded", message: this.failure }],
            };
      case "persistentvolumeclaims":
        return { phase: "Bound" };
      case "services":
        return textAt(object, "spec", "type") === "LoadBalancer"
          ? { loadBalancer: { ingress: [{ ip: "203.0.113.21" }] } }
          : {};
      default:
        return undefined;
    }
  }

  #replicaSet(path: string, base: string, name: string, deployment: ValueMap): void {
    const annotations = { [revision]: "1" };
    this.apiserver.put(path, { metadata: { annotations } });
    this.apiserver.put(`${base}/replicasets/${name}-1`, {
      metadata: {
        uid: randomUUID(),
        annotations,
        labels: at(deployment, "spec", "selector", "matchLabels") ?? {},
        ownerReferences: [
          {
            apiVersion: "apps/v1",
            kind: "Deployment",
            name,
            uid: textAt(deployment, "metadata", "uid"),
            controller: true,
          },
        ],
      },
      spec: { replicas: at(deployment, "spec", "replicas") ?? 1 },
      status: { readyReplicas: at(deployment, "spec", "replicas") ?? 1 },
    });
  }
}
