import { at, type Rule } from "../declared";

const holdData = new Set([
  "digitalocean:index/containerRegistries:ContainerRegistries",
  "digitalocean:index/containerRegistry:ContainerRegistry",
  "digitalocean:index/databaseCluster:DatabaseCluster",
  "digitalocean:index/databaseDb:DatabaseDb",
  "digitalocean:index/droplet:Droplet",
  "digitalocean:index/kubernetesCluster:KubernetesCluster",
  "digitalocean:index/spacesBucket:SpacesBucket",
  "digitalocean:index/volume:Volume",
  "kubernetes:core/v1:Namespace",
  "kubernetes:core/v1:PersistentVolumeClaim",
]);
/** Inputs by which the deletion of one thing takes others along. */
const force = ["destroyAllAssociatedResources", "forceDestroy"];

/** Refuses what holds data and could be deleted by an update. */
export const unprotectedData: Rule = {
  name: "unprotected-data",
  refuses: "A cluster, database, volume, host, bucket or registry that an update may delete.",
  because: "one changed name or region, or one destroy in the wrong terminal, and the books are gone",
  remedy:
    "set vps:allowDestroy and doks:allowDestroy to false; in code, protect: true, and no forceDestroy or " +
    'destroyAllAssociatedResources. To take a stack down on purpose: docs/policy.md, "Take a stack down"',
  check: ({ type, props, opts }) => [
    ...(holdData.has(type) && opts.protect !== true ? ["it is not protected"] : []),
    ...force.filter((input) => at(props, input) === true).map((input) => `${input} is true`),
  ],
};
