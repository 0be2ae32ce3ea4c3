import type { Provider } from "../resource";
import { Api } from "./api";
import { containerRegistry, getContainerRegistry } from "./container-registry";
import { databaseCluster } from "./database-cluster";
import { databaseDb, databaseFirewall, databaseUser } from "./database-parts";
import { dockerCredentials } from "./docker-credentials";
import { droplet } from "./droplet";
import { firewall } from "./firewall";
import { getDatabaseCa, getDatabaseCluster } from "./get-database";
import { getKubernetesCluster, getKubernetesVersions } from "./get-kubernetes";
import { kubernetesCluster } from "./kubernetes-cluster";
import { kubernetesNodePool } from "./kubernetes-node-pool";
import { reservedIp } from "./reserved-ip";
import { reservedIpAssignment } from "./reserved-ip-assignment";
import { sshKey } from "./ssh-key";
import { volume } from "./volume";
import { volumeAttachment } from "./volume-attachment";
import { vpc } from "./vpc";

/** DigitalOcean. A new resource is a new file and a line here. */
export function digitalocean(): Provider {
  const api = new Api();
  return {
    name: "digitalocean",
    config: {
      apiEndpoint: { type: "string" },
      httpRetryMax: { type: "integer" },
      httpRetryWaitMax: { type: "number" },
      httpRetryWaitMin: { type: "number" },
      requestsPerSecond: { type: "number" },
      spacesAccessId: { type: "string" },
      spacesEndpoint: { type: "string" },
      spacesSecretKey: { type: "string", secret: true },
      token: { type: "string", secret: true },
    },
    resources: [
      containerRegistry(api),
      databaseCluster(api),
      databaseDb(api),
      databaseFirewall(api),
      databaseUser(api),
      dockerCredentials(api),
      droplet(api),
      firewall(api),
      kubernetesCluster(api),
      kubernetesNodePool(api),
      reservedIp(api),
      reservedIpAssignment(api),
      sshKey(api),
      volume(api),
      volumeAttachment(api),
      vpc(api),
    ],
    functions: [
      getContainerRegistry(api),
      getDatabaseCa(api),
      getDatabaseCluster(api),
      getKubernetesCluster(api),
      getKubernetesVersions(api),
    ],
    configure: (config) => api.configure(config),
  };
}
