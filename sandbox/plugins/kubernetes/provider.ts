import type { Provider } from "../resource";
import { KubernetesCalls } from "./calls";
import { Cluster } from "./cluster";
import { diffConfig } from "./config-diff";

/** Kubernetes: objects of every kind that the apiserver has, by server-side apply. */
export function kubernetes(): Provider {
  const cluster = new Cluster();
  return {
    name: "kubernetes",
    config: {
      alwaysRender: { type: "boolean" },
      cluster: { type: "string" },
      clusterIdentifier: { type: "string" },
      context: { type: "string" },
      deleteUnreachable: { type: "boolean" },
      enableConfigMapMutable: { type: "boolean" },
      enablePatchForce: { type: "boolean" },
      enableSecretMutable: { type: "boolean" },
      enableServerSideApply: { type: "boolean" },
      helmReleaseSettings: { type: "any" },
      kubeClientSettings: { type: "any" },
      kubeconfig: { type: "string" },
      namespace: { type: "string" },
      renderYamlToDirectory: { type: "string", unsupported: "objects go to a cluster" },
      skipUpdateUnreachable: { type: "boolean" },
      suppressDeprecationWarnings: { type: "boolean" },
      suppressHelmHookWarnings: { type: "boolean" },
      upsertExistingObjects: { type: "boolean" },
    },
    resources: [],
    functions: [],
    configure(config) {
      if (config["enableServerSideApply"] === false)
        throw new Error("kubernetes: client-side apply is not supported by the sandbox's stand-in plugin");
      cluster.configure(config);
    },
    protocol: (log, cancelled) => new KubernetesCalls(cluster, log, cancelled),
    diffConfig,
  };
}
