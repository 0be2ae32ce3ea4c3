import type { Settings } from "../../settings";
import type { RegistryAccess } from "../registry/client";
import { type NamedSecrets, secretsNamed } from "../shared/secret-desk";
import { Secret } from "../shared/secret";
import type { Tags } from "./tags";

/** Input of ops/release-tags.ts. */
export interface TagOrder extends Tags {
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  readonly repository: string;
  /** `sha256:…` */
  readonly digest: string;
  /** Targets that do not run the digest: while there is one, no tag is set. */
  readonly elsewhere?: readonly string[];
}

interface TaggingSettings {
  readonly registry: Pick<Settings["registry"], "kind">;
  readonly registryAccess: Settings["registryAccess"];
  readonly digitalocean: Pick<Settings["digitalocean"], "token">;
}

const names = { username: "registry:username", password: "registry:password", tokenHost: "registry:tokenHost" };

/**
 * Names the login that tags are set with, for the stack's desk. One that was made for the push may have ended by the
 * end of a long deployment, and would be in the state. DigitalOcean's registry takes the API's token, which may change
 * it in every stack; DO_REGISTRY_TOKEN may be one that only reads. It is told to no host that a setting names.
 */
export function taggingSecrets({ registry, registryAccess, digitalocean }: TaggingSettings): NamedSecrets {
  const { token } = digitalocean;
  const login: RegistryAccess | undefined =
    registry.kind === "digitalocean" && token !== undefined
      ? { username: token.reveal(), password: token }
      : registryAccess;
  return login === undefined
    ? {}
    : {
        [names.username]: new Secret(login.username),
        [names.password]: login.password,
        [names.tokenHost]: new Secret(login.tokenHost ?? ""),
      };
}

/**
 * Fetches that login from the update that runs.
 * @throws ShipError DEPLOY_FAILED
 */
export async function taggingLogin({ stack }: Pick<TagOrder, "stack">): Promise<RegistryAccess> {
  const found = await secretsNamed(Object.values(names), stack);
  const [username = "", password = "", tokenHost = ""] = Object.values(names).map((name) => found[name]);
  return { username, password: new Secret(password), tokenHost };
}
