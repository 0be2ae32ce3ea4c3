import type { z } from "zod";

import { ShipError } from "./components/shared/errors";
import type { RegistryAccess } from "./components/registry/client";
import { usualHosts } from "./components/registry/login";
import { Secret } from "./components/shared/secret";
import { contradictions } from "./components/settings/contradictions";
import { optionsText } from "./components/odoo/options";
import { type Key, settingsKeys } from "./components/settings/table";

type Keys = typeof settingsKeys;
type Section<N extends string> = {
  readonly [K in keyof Keys as K extends `${N}:${infer P}` ? P : never]: z.output<Keys[K]["schema"]>;
};

/** Settings of the program, validated. Secrets are wrapped, so that none is printed by accident. */
export interface Settings {
  readonly environment: Section<"odoo">["environment"];
  /** Odoo itself, on whichever target. */
  readonly odoo: Omit<Section<"odoo">, "environment" | "secretOptions"> & {
    /** Options whose values are secret, as Odoo's entrypoint reads them. */
    readonly secretOptions: Secret | undefined;
  };
  readonly registry: Omit<Section<"registry">, "password" | "pullPassword">;
  readonly image: Section<"image">;
  /** Login that the program itself reads the registry with. */
  readonly registryAccess: RegistryAccess | undefined;
  /**
   * Login that host and cluster pull with, if it is given and differs from the program's own. DigitalOcean's is made.
   */
  readonly registryPull: Pick<RegistryAccess, "username" | "password"> | undefined;
  /**
   * DigitalOcean's API: address and token, and whether the token is one of the stack's secrets or the environment's.
   */
  readonly digitalocean: { readonly apiUrl: string; readonly token: Secret | undefined; readonly configured: boolean };
  readonly vps: WithSecrets<Section<"vps">, "privateKey" | "tlsKey">;
  readonly doks: WithSecrets<Section<"doks">, "kubeconfig" | "tlsKey">;
  readonly gates: WithSecrets<Section<"gates">, "signingKey" | "signingPassword">;
  readonly notify: WithSecrets<Section<"notify">, "slackWebhook" | "smtpPassword" | "pagerdutyKey">;
  readonly release: Section<"release">;
  readonly backup: WithSecrets<Section<"backup">, "privateKey">;
}

/** A section whose secrets are wrapped, and undefined if not set. */
type WithSecrets<S, K extends keyof S> = Omit<S, K> & { readonly [P in K]: Secret | undefined };

/** Sources of settings: the stack's configuration, and the environment variables that name tokens. */
export interface SettingsSource {
  readonly config: Readonly<Record<string, string>>;
  readonly secretKeys: ReadonlySet<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Namespaces of Pulumi itself and of the official providers, which validate their own keys. */
const foreignNamespaces = new Set(["pulumi", "digitalocean", "docker", "kubernetes", "command"]);

/**
 * Loads the settings of the running program.
 * @param config as the SDK has it, which is not loaded here: the commands beside the program read settings without it
 */
export function loadSettings(config: SettingsSource["config"]): Settings {
  return readSettings({
    config,
    secretKeys: secretKeys(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? ""),
    environment: process.env,
  });
}

/** The engine lists the encrypted keys in a variable of its own. The SDK's function for it is internal. */
function secretKeys(text: string): Set<string> {
  return new Set(text === "" ? [] : (JSON.parse(text) as string[]));
}

/**
 * Validates a stack's configuration.
 * @throws ShipError SETTINGS_INVALID with every problem at once: key, value, what is allowed; PRODUCTION_BUILD_REFUSED,
 *   PRODUCTION_TARGETS_REFUSED.
 */
export function readSettings(source: SettingsSource): Settings {
  const problems: string[] = [];
  const values: Record<string, Record<string, unknown>> = {};

  for (const name of Object.keys(source.config)) {
    const [namespace] = name.split(":", 1);
    if (!(name in settingsKeys) && !foreignNamespaces.has(namespace ?? "")) {
      problems.push(`${name}: unknown key${suggestion(name)}`);
    }
  }
  for (const name of ["digitalocean:token", "digitalocean:spacesSecretKey"]) {
    if (source.config[name] !== undefined && !source.secretKeys.has(name)) {
      problems.push(`${name}: stands in plain; set it with: pulumi config set --secret ${name}`);
    }
  }
  if (source.secretKeys.has("odoo:options")) {
    problems.push("odoo:options: has a secret in it, and is shown as it is; set that one in odoo:secretOptions");
  }
  for (const [name, key] of Object.entries<Key>(settingsKeys)) {
    const text = source.config[name];
    const [namespace, property] = name.split(":") as [string, string];
    // Look for contradictions also where a key is wrong, so that all problems are told at once: it counts as if it had
    // no value.
    const section = (values[namespace] ??= {});
    section[property] = key.schema.safeParse(undefined).data;
    if (key.secret === true && text !== undefined && text !== "" && !source.secretKeys.has(name)) {
      problems.push(`${name}: stands in plain; set it with: pulumi config set --secret ${name}`);
      continue;
    }
    const result = key.schema.safeParse(decode(key, text));
    if (result.success) {
      section[property] = result.data;
    } else if (text === undefined) {
      problems.push(`${name}: is missing; allowed: ${key.allowed}`);
    } else {
      const shown = key.secret === true || source.secretKeys.has(name) ? "[secret]" : JSON.stringify(text);
      const reasons = result.error.issues.map((issue) => issue.message).join("; ");
      problems.push(`${name}: ${shown}: ${reasons}; allowed: ${key.allowed}`);
    }
  }
  const settings = assemble(values, source);
  // A key that is wrong by itself is not told twice.
  const told = new Set(problems.map((problem) => problem.split(": ", 1)[0]));
  problems.push(...contradictions(settings).filter((problem) => !told.has(problem.split(": ", 1)[0])));
  if (problems.length > 0) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: `the configuration of this stack has ${problems.length} problem${problems.length === 1 ? "" : "s"}`,
      found: problems.join("\n"),
      expected: "the keys and values of docs/configuration.md",
      remedy: "correct Pulumi.<stack>.yaml, or use: pulumi config set <key> <value>",
    });
  }
  refuseProductionBuild(settings);
  refuseTwoProductions(settings);
  return Object.freeze(settings);
}

function decode(key: Key, text: string | undefined): unknown {
  if (text === undefined || key.form === "text") {
    return text;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function assemble(values: Record<string, Record<string, unknown>>, source: SettingsSource): Settings {
  const { password, pullPassword, ...registry } = values["registry"] as Section<"registry">;
  const { environment, secretOptions, ...odoo } = values["odoo"] as Section<"odoo">;
  const vps = values["vps"] as Section<"vps">;
  const doks = values["doks"] as Section<"doks">;
  const backup = values["backup"] as Section<"backup">;
  const gates = values["gates"] as Section<"gates">;
  const notify = values["notify"] as Section<"notify">;
  const token = secretOf(
    source.config["digitalocean:token"] ??
      source.environment["DIGITALOCEAN_TOKEN"] ??
      source.environment["DIGITALOCEAN_ACCESS_TOKEN"],
  );
  const registryAccess = accessTo(registry, password, token, source.environment);
  return {
    environment,
    odoo: {
      ...odoo,
      secretOptions: Object.keys(secretOptions).length === 0 ? undefined : new Secret(optionsText(secretOptions)),
    },
    registry: { ...registry, host: registry.host === "" ? usualHosts[registry.kind] : registry.host },
    image: values["image"] as Section<"image">,
    registryAccess,
    registryPull: pullWith(
      registry,
      secretOf(pullPassword) ?? secretOf(source.environment["REGISTRY_PULL_PASSWORD"]),
      registryAccess,
    ),
    digitalocean: {
      apiUrl:
        source.config["digitalocean:apiEndpoint"] ??
        source.environment["DIGITALOCEAN_API_URL"] ??
        "https://api.digitalocean.com",
      token,
      configured: source.config["digitalocean:token"] !== undefined,
    },
    vps: {
      ...vps,
      privateKey: secretOf(vps.privateKey) ?? secretOf(source.environment["VPS_SSH_PRIVATE_KEY"]),
      tlsKey: secretOf(vps.tlsKey),
    },
    doks: { ...doks, kubeconfig: secretOf(doks.kubeconfig), tlsKey: secretOf(doks.tlsKey) },
    gates: { ...gates, signingKey: secretOf(gates.signingKey), signingPassword: secretOf(gates.signingPassword) },
    notify: {
      ...notify,
      slackWebhook: secretOf(notify.slackWebhook),
      smtpPassword: secretOf(notify.smtpPassword),
      pagerdutyKey: secretOf(notify.pagerdutyKey),
    },
    release: values["release"] as Section<"release">,
    backup: { ...backup, privateKey: secretOf(backup.privateKey) },
  };
}

function accessTo(
  { kind, username, tokenHost }: Settings["registry"],
  password: string,
  token: Secret | undefined,
  environment: SettingsSource["environment"],
): Settings["registryAccess"] {
  if (kind === "digitalocean") {
    // DigitalOcean's registry takes an API token as user and as password alike.
    const own = secretOf(environment["DO_REGISTRY_TOKEN"]) ?? token;
    return own && { username: own.reveal(), password: own };
  }
  const given = secretOf(password) ?? secretOf(environment[kind === "ghcr" ? "GHCR_TOKEN" : "REGISTRY_PASSWORD"]);
  return given && { username, password: given, tokenHost };
}

/**
 * Returns the pull login. The push login given a second time is none of its own. GitHub looks at the token alone,
 * whichever user is named.
 */
function pullWith(
  { kind, pullUsername }: Settings["registry"],
  password: Secret | undefined,
  push: Settings["registryAccess"],
): Settings["registryPull"] {
  const same = password?.reveal() === push?.password.reveal() && (kind === "ghcr" || pullUsername === push?.username);
  return kind === "digitalocean" || password === undefined || same ? undefined : { username: pullUsername, password };
}

function secretOf(text: string | undefined): Secret | undefined {
  return text === undefined || text === "" ? undefined : new Secret(text);
}

function refuseProductionBuild({ environment, image }: Settings): void {
  if (environment === "production" && image.digest === "") {
    throw new ShipError({
      code: "PRODUCTION_BUILD_REFUSED",
      summary: "production never builds an image",
      found: "odoo:environment is production and image:digest is empty",
      expected: "the digest of an image that staging has released",
      remedy: "npm run promote -- --from staging --to prod takes the one that staging runs (docs/promote.md)",
    });
  }
}

function refuseTwoProductions({ environment, vps, doks }: Settings): void {
  if (environment === "production" && vps.mode !== "none" && doks.mode !== "none") {
    throw new ShipError({
      code: "PRODUCTION_TARGETS_REFUSED",
      summary: "production runs in one place",
      found: `vps:mode is ${vps.mode} and doks:mode is ${doks.mode}`,
      expected: "one of them none: two targets would be two sets of books",
      remedy: "pulumi config set vps:mode none, or: pulumi config set doks:mode none",
    });
  }
}

function suggestion(name: string): string {
  const property = name.split(":").at(-1)?.toLowerCase();
  const near = Object.keys(settingsKeys).find((known) => known.toLowerCase().endsWith(`:${property ?? ""}`));
  return near === undefined ? "" : `; did you mean ${near}?`;
}
