import type { Properties, Property } from "../schema";
import { nodesType, poolInputs } from "./kubernetes-pool-properties";

/** What is switched on or off. */
export const enabled = { enabled: { type: "boolean", required: true } } as const satisfies Properties;
const notHere = (type: Property["type"] = { object: enabled }): Property => ({
  type,
  unsupported: "the sandbox's clusters do not have it",
});
/** Parts of a cluster that the sandbox has not. */
export const plugins = [
  ...[
    "amdGpuDeviceMetricsExporterPlugin",
    "amdGpuDevicePlugin",
    "amdGpuDraDriver",
    "corednsAutoscaler",
    "nvidiaGpuDevicePlugin",
  ],
  ...["nvidiaGpuDraDriver", "p2pOciRegistryPlugin", "rdmaSharedDevicePlugin", "routingAgent"],
];
/** Who may reach the API server. */
export const firewall: Properties = { ...enabled, allowedAddresses: { type: { array: "string" }, required: true } };
/** How the autoscaler decides. */
export const autoscaler: Properties = {
  expanders: { type: { array: "string" } },
  scaleDownUnneededTime: { type: "string" },
  scaleDownUtilizationThreshold: { type: "number" },
};
/** Single sign-on. */
export const sso: Properties = {
  clientId: { type: "string" },
  enabled: { type: "boolean", required: true },
  issuerUrl: { type: "string" },
  required: { type: "boolean" },
};
/** The maintenance window. */
export const policy: Properties = {
  day: { type: "string" },
  duration: { type: "string" },
  startTime: { type: "string" },
};
/** The same properties, each one required. */
export const required = (properties: Properties): Properties =>
  Object.fromEntries(Object.entries(properties).map(([name, { type }]) => [name, { type, required: true as const }]));

/** Inputs of a cluster. */
export const clusterInputs: Properties = {
  ...Object.fromEntries(plugins.map((name) => [name, notHere()])),
  autoUpgrade: { type: "boolean" },
  clusterAutoscalerConfigurations: notHere({ array: { object: autoscaler } }),
  clusterSubnet: { type: "string", replace: true },
  controlPlaneFirewall: { type: { object: firewall } },
  destroyAllAssociatedResources: { type: "boolean", default: false },
  ha: { type: "boolean" },
  isolatedWorkers: { type: "boolean", replace: true, default: false },
  kubeconfigExpireSeconds: { type: "integer" },
  maintenancePolicy: { type: { object: policy } },
  name: { type: "string" },
  nodePool: {
    type: {
      object: {
        ...poolInputs,
        name: { type: "string", required: true },
        size: { type: "string", required: true },
        // The provider's own to say.
        actualNodeCount: { type: "integer" },
        id: { type: "string" },
        nodes: { type: nodesType(false) },
      },
    },
    required: true,
  },
  region: { type: "string", required: true, replace: true },
  registryIntegration: { type: "boolean", default: false },
  serviceSubnet: { type: "string", replace: true },
  ssos: notHere({ array: { object: sso } }),
  surgeUpgrade: { type: "boolean", default: true },
  tags: { type: { array: "string" } },
  version: { type: "string", required: true },
  vpcUuid: { type: "string", replace: true },
  workerSubnetUuid: { type: "string", replace: true, unsupported: "the sandbox has no subnets" },
};

/** Credentials, and a file with them. */
export const kubeConfig = required(
  Object.fromEntries(
    ["clientCertificate", "clientKey", "clusterCaCertificate", "expiresAt", "host", "rawConfig", "token"].map(
      (name) => [name, { type: "string" }],
    ),
  ),
);

const strings = (...names: string[]): Properties =>
  Object.fromEntries(names.map((name) => [name, { type: "string", required: true }]));

/** Facts of a cluster that the resource's outputs and those of `getKubernetesCluster` share. */
export const sharedOutputs = {
  ...Object.fromEntries(plugins.map((name) => [name, { type: { object: enabled }, required: true as const }])),
  ...strings(
    "clusterSubnet",
    "createdAt",
    "endpoint",
    "ipv4Address",
    "name",
    "region",
    "serviceSubnet",
    "status",
    "updatedAt",
    "version",
  ),
  ...strings("vpcUuid", "workerSubnetUuid"),
  clusterAutoscalerConfigurations: { type: { array: { object: autoscaler } } },
  ha: { type: "boolean", required: true },
  kubeconfigExpireSeconds: { type: "integer" },
  tags: { type: { array: "string" } },
} as const satisfies Properties;

/** Outputs of a cluster. */
export const clusterOutputProperties: Properties = {
  ...sharedOutputs,
  ...strings("clusterUrn"),
  autoUpgrade: { type: "boolean" },
  controlPlaneFirewall: { type: { object: firewall }, required: true },
  destroyAllAssociatedResources: { type: "boolean" },
  isolatedWorkers: { type: "boolean" },
  kubeConfigs: { type: { array: { object: kubeConfig } }, required: true, secret: true },
  maintenancePolicy: { type: { object: required(policy) }, required: true },
  nodePool: {
    type: {
      object: {
        ...poolInputs,
        name: { type: "string", required: true },
        size: { type: "string", required: true },
        actualNodeCount: { type: "integer", required: true },
        id: { type: "string", required: true },
        nodes: { type: nodesType(true), required: true },
      },
    },
    required: true,
  },
  registryIntegration: { type: "boolean" },
  ssos: { type: { array: { object: sso } }, required: true },
  surgeUpgrade: { type: "boolean" },
};
