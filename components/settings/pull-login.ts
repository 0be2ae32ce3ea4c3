import { endOf } from "../registry/short-lived";
import type { Settings } from "../../settings";

/** Lists what is wrong with the given login that host and cluster pull with. */
export function ofPullLogin(settings: Settings): string[] {
  const { environment, registry, registryPull, doks } = settings;
  if (environment === "production" && registryPull === undefined) {
    return [`registry:pullPassword: is missing, or is the push login; ${readOnlyLogin(registry.kind)}`];
  }
  const ends = pullsFor(settings);
  // A cluster pulls whenever a pod moves; a Secret that somebody else keeps is not ours to judge.
  const inCluster = (doks.mode === "create" || doks.mode === "adopt") && doks.imagePullSecret === "";
  return ends !== undefined && (inCluster || environment === "production")
    ? [
        `${keyOf(settings)}: [secret]: is ${ends}: pods that move to another node, or a host that goes back to an ` +
          `older release, would not get their image any more; ${readOnlyLogin(registry.kind)}`,
      ]
    : [];
}

/**
 * Warns of a login that may do more than pull, or that ends before it is needed again. Whoever broke into host or
 * cluster could replace the image that all of them run next.
 */
export function pullLoginWarnings(settings: Settings): string[] {
  const { registry, registryPull, vps } = settings;
  if (registry.kind === "digitalocean") {
    return [];
  }
  const ends = vps.mode === "none" ? undefined : pullsFor(settings);
  return [
    ...(registryPull !== undefined
      ? []
      : [
          `registry:pullPassword is not set, or is the push login: host and cluster log in to ${registry.host} as ` +
            `who may replace images there, and production is refused; ${readOnlyLogin(registry.kind)}`,
        ]),
    ...(ends === undefined
      ? []
      : [
          `${keyOf(settings)} is ${ends}: what runs goes on, and the host gets no image between two updates; ` +
            readOnlyLogin(registry.kind),
        ]),
  ];
}

/** Tells what the pull login is and when it ends, if that is soon. */
function pullsFor({ registry, registryAccess, registryPull }: Settings): string | undefined {
  const login = registryPull ?? registryAccess;
  return registry.kind === "digitalocean" || login === undefined ? undefined : endOf(login);
}

function keyOf({ registryPull }: Settings): string {
  return registryPull === undefined ? "registry:password" : "registry:pullPassword";
}

function readOnlyLogin(kind: string): string {
  const made = kind === "ghcr" ? "make a token with read:packages alone" : "make a login that may only read";
  return (
    `${made}, then: pulumi config set registry:pullUsername <user>, pulumi config set --secret registry:pullPassword ` +
    "(or the variable REGISTRY_PULL_PASSWORD)"
  );
}
