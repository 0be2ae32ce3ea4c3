import { randomBytes } from "node:crypto";

import { until } from "../../sandbox/process";
import type { SandboxCluster } from "./sandbox-cluster";

/** A pod that the restricted standard allows. */
export function restrictedPod(name: string, image: string, command: readonly string[], more: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "odoo" } },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 100,
        runAsGroup: 101,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "main",
          image,
          command,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          ...more,
        },
      ],
    },
  };
}

/**
 * A namespace that has nothing to do with Odoo's, and a pod in it that runs one of the images that the node has: in all other respects it is as
 * Kubernetes makes it, with a token, and with the label that Odoo's own pods have.
 */
export class Stranger {
  readonly pod = "stranger";

  private constructor(
    private readonly cluster: SandboxCluster,
    readonly namespace: string,
    private readonly image: string,
  ) {}

  static async arrive(cluster: SandboxCluster, image: string): Promise<Stranger> {
    const namespace = `e2e-${randomBytes(4).toString("hex")}`;
    const labels = Object.fromEntries(
      ["enforce", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]),
    );
    const stranger = new Stranger(cluster, namespace, image);
    stranger.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } });
    // Its account comes a moment later, and gets the pull secret then.
    const secrets = ["get", "serviceaccount", "-n", namespace, "default", "-o", "jsonpath={.imagePullSecrets[*].name}"];
    await until(() => cluster.run(secrets).stdout !== "", 300_000);
    try {
      stranger.run(stranger.pod, ["sleep", "infinity"]);
    } catch (error) {
      stranger.leave();
      throw error;
    }
    return stranger;
  }

  /** Runs another pod, and waits until it is ready. */
  run(name: string, command: readonly string[], more: object = {}): void {
    this.apply(restrictedPod(name, this.image, command, more));
    this.cluster.kubectl(["wait", "-n", this.namespace, `pod/${name}`, "--for=condition=Ready", "--timeout=600s"]);
  }

  apply(...items: readonly object[]): void {
    this.cluster.kubectl(
      ["apply", "-n", this.namespace, "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    );
  }

  reached(addresses: readonly string[]): string[] {
    return this.cluster.reached(this.pod, addresses, this.namespace);
  }

  leave(): void {
    this.cluster.kubectl(["delete", "namespace", this.namespace, "--ignore-not-found"]);
  }
}
