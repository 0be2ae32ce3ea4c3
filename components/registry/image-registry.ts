import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../settings";
import { secretOutput } from "../shared/secret-output";
import type { RegistryAccess } from "./client";

/** A user and password that a registry takes; both secret. */
export interface RegistryLogin {
  readonly username: pulumi.Output<string>;
  readonly password: pulumi.Output<string>;
}

export interface ImageRegistryArgs {
  readonly settings: Settings["registry"];
  /** The given login of a registry that cannot make credentials of its own (`ghcr`, `generic`). */
  readonly access: Pick<RegistryAccess, "username" | "password"> | undefined;
  /** The given login that may only read; the push login if there is none. */
  readonly pullAccess: Pick<RegistryAccess, "username" | "password"> | undefined;
  /**
   * Whether the registry exists. Then it is taken over and not created; for a stack that has it in its state this is no
   * change.
   */
  readonly exists: boolean;
  /** Word for what is released; each gets push credentials of its own. */
  readonly releaseKey: string;
  /** Seconds since 1970 if this update is going to write to the registry and needs fresh credentials. */
  readonly attempt: number | undefined;
  /** Month of this update, `2026-11`; pull credentials are renewed with it. */
  readonly month: string;
}

/**
 * The registry that holds the images, created (at DigitalOcean, protected against destroy) or adopted, with its
 * credentials: push credentials that expire within hours, and read-only pull credentials that are renewed monthly.
 */
export class ImageRegistry extends pulumi.ComponentResource {
  readonly push: RegistryLogin;
  readonly pull: RegistryLogin;
  /** End of the pull credentials, RFC 3339; empty if they are given ones, whose end nobody tells. */
  readonly pullExpires: pulumi.Output<string>;

  constructor(name: string, args: ImageRegistryArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:registry:ImageRegistry", name, {}, opts);
    const { settings, access, pullAccess } = args;

    if (settings.kind === "digitalocean") {
      const [registryName = ""] = settings.repository.split("/");
      const dependsOn = settings.ownership === "create" ? [this.#create(name, registryName, args)] : [];
      // The provider renews credentials when their lifetime changes (or on a refresh), so a few seconds more ask for
      // new ones. It revokes deleted ones at a fixed address of its own, so they are left to expire instead.
      const push = new digitalocean.ContainerRegistryDockerCredentials(
        `${name}-push-${args.releaseKey}`,
        { registryName, write: true, expirySeconds: settings.pushSeconds + ((args.attempt ?? 0) % 3600) },
        {
          parent: this,
          dependsOn,
          retainOnDelete: true,
          ignoreChanges: args.attempt === undefined ? ["expirySeconds"] : [],
        },
      );
      const pull = new digitalocean.ContainerRegistryDockerCredentials(
        `${name}-pull-${args.month}`,
        { registryName, write: false, expirySeconds: settings.pullDays * 86_400 },
        { parent: this, dependsOn, retainOnDelete: true },
      );
      this.push = loginOf(push.dockerCredentials);
      this.pull = loginOf(pull.dockerCredentials);
      this.pullExpires = pull.credentialExpirationTime;
    } else {
      if (access === undefined) {
        throw new Error(`a ${settings.kind} registry needs a login`);
      }
      this.push = given(access);
      this.pull = given(pullAccess ?? access);
      this.pullExpires = pulumi.output("");
    }
    this.registerOutputs({ pullExpires: this.pullExpires });
  }

  #create(name: string, registryName: string, { settings, exists }: ImageRegistryArgs): digitalocean.ContainerRegistry {
    return new digitalocean.ContainerRegistry(
      `${name}-docr`,
      {
        name: registryName,
        subscriptionTierSlug: settings.tier,
        ...(settings.region === "" ? {} : { region: settings.region }),
      },
      { parent: this, protect: true, ...(exists ? { import: registryName } : {}) },
    );
  }
}

function given({ username, password }: Pick<RegistryAccess, "username" | "password">): RegistryLogin {
  return { username: pulumi.output(username), password: secretOutput(password) };
}

/**
 * Takes user and password out of a Docker configuration file. DigitalOcean's file names DigitalOcean's host, whichever
 * address is in use.
 */
function loginOf(dockerConfig: pulumi.Output<string>): RegistryLogin {
  const login = pulumi.secret(dockerConfig).apply((text) => {
    const { auths } = JSON.parse(text) as { auths: Record<string, { auth: string }> };
    const [first] = Object.values(auths);
    const [username = "", password = ""] = Buffer.from(first?.auth ?? "", "base64")
      .toString()
      .split(/:(.*)/s);
    return { username, password };
  });
  return { username: login.username, password: login.password };
}
