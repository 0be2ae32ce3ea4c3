import type { ProviderFunction } from "../resource";
import type { Properties } from "../schema";
import { secret } from "../values";
import type { Api } from "./api";
import { clustersPath } from "./kubernetes-cluster";
import {
  autoscaler,
  enabled,
  firewall,
  kubeConfig as kubeConfigProperties,
  plugins,
  policy,
  required,
  sharedOutputs,
  sso,
} from "./kubernetes-cluster-properties";
import { clusterFacts, defaultPool, firewallOf, kubeConfig, policyOf } from "./kubernetes-cluster-outputs";
import { nodesType, poolInputs, poolOutputs } from "./kubernetes-pool-properties";
import { list, part } from "./sets";

const optional = (properties: Properties): Properties =>
  Object.fromEntries(Object.entries(properties).map(([name, { type }]) => [name, { type }]));

const pool: Properties = required({
  ...poolInputs,
  actualNodeCount: { type: "integer" },
  id: { type: "string" },
  name: { type: "string" },
  nodes: { type: nodesType(true) },
  size: { type: "string" },
});

/** `digitalocean.getKubernetesVersions`: newest first. */
export function getKubernetesVersions(api: Api): ProviderFunction {
  return {
    token: "digitalocean:index/getKubernetesVersions:getKubernetesVersions",
    sdk: {
      file: "getKubernetesVersions.d.ts",
      args: "GetKubernetesVersionsArgs",
      result: "GetKubernetesVersionsResult",
    },
    inputs: { versionPrefix: { type: "string" } },
    outputs: {
      id: { type: "string", required: true },
      latestVersion: { type: "string", required: true },
      validVersions: { type: { array: "string" }, required: true },
      versionPrefix: { type: "string" },
    },
    async invoke({ versionPrefix }, signal) {
      const { options } = await api.request("GET", "/v2/kubernetes/options", signal);
      const slugs = list(part(options, "options")["versions"]).map((version) =>
        String(part(version, "version")["slug"]),
      );
      const validVersions = slugs.filter((slug) => slug.startsWith(String(versionPrefix ?? "")));
      const [latestVersion] = validVersions;
      return {
        id: `terraform-${Date.now()}`,
        validVersions,
        ...(latestVersion !== undefined && { latestVersion }),
        ...(versionPrefix !== undefined && { versionPrefix }),
      };
    },
  };
}

/** `digitalocean.getKubernetesCluster`, by name; its credentials are new at each call. */
export function getKubernetesCluster(api: Api): ProviderFunction {
  return {
    token: "digitalocean:index/getKubernetesCluster:getKubernetesCluster",
    sdk: { file: "getKubernetesCluster.d.ts", args: "GetKubernetesClusterArgs", result: "GetKubernetesClusterResult" },
    inputs: {
      ...Object.fromEntries(plugins.map((name) => [name, { type: { object: optional(enabled) } }])),
      clusterAutoscalerConfigurations: { type: { array: { object: autoscaler } } },
      kubeconfigExpireSeconds: { type: "integer" },
      name: { type: "string", required: true },
      ssos: { type: { array: { object: optional(sso) } } },
      tags: { type: { array: "string" } },
    },
    outputs: {
      ...sharedOutputs,
      autoUpgrade: { type: "boolean", required: true },
      controlPlaneFirewalls: { type: { array: { object: firewall } }, required: true },
      id: { type: "string", required: true },
      isolatedWorkers: { type: "boolean", required: true },
      kubeConfigs: { type: { array: { object: kubeConfigProperties } }, required: true },
      maintenancePolicies: { type: { array: { object: required(policy) } }, required: true },
      nodePools: { type: { array: { object: pool } }, required: true },
      ssos: { type: { array: { object: required(sso) } }, required: true },
      surgeUpgrade: { type: "boolean", required: true },
      urn: { type: "string", required: true },
    },
    async invoke({ name, kubeconfigExpireSeconds }, signal) {
      const { kubernetes_clusters } = await api.request("GET", `${clustersPath}?per_page=200`, signal);
      const cluster = list(kubernetes_clusters)
        .map((one) => part(one, "cluster"))
        .find((one) => one["name"] === name);
      if (cluster === undefined) throw new Error(`Unable to find cluster with name: ${String(name)}`);
      const own = defaultPool(cluster);
      return {
        ...clusterFacts(cluster),
        id: cluster["id"] ?? null,
        urn: `do:kubernetes:${String(cluster["id"])}`,
        controlPlaneFirewalls: [firewallOf(cluster)],
        maintenancePolicies: [policyOf(cluster)],
        // Only the pool that the provider itself has made, as in the official one.
        nodePools:
          own === undefined
            ? []
            : [{ id: own["id"] ?? "", ...poolOutputs(own, false), nodeCount: 0, gpuPartitionMode: "" }],
        kubeConfigs: secret([await kubeConfig(api, cluster, kubeconfigExpireSeconds, signal)]),
        ...(kubeconfigExpireSeconds !== undefined && { kubeconfigExpireSeconds }),
      };
    },
  };
}
