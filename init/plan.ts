import { usualHosts } from "../components/registry/login";
import { ShipError } from "../components/shared/errors";
import { readSettings, type Settings } from "../settings";
import { answerNames, type Answers, badAnswers, listOf, problemOf, questionOf } from "./answers";
import { configIn, type StackFile, withSettings } from "./stack-file";

/** A stack's file with the answers in it. */
export interface PlannedFile {
  readonly before: StackFile;
  readonly text: string;
  /** Undefined if settings that are encrypted keep it from being read. */
  readonly settings?: Settings | undefined;
}

/** Regions that have registries; elsewhere DigitalOcean chooses one. */
const registryRegions = new Set(["nyc3", "sfo2", "sfo3", "ams3", "sgp1", "fra1", "blr1", "syd1"]);

/**
 * Fills both files in, in memory.
 * @param where answers come from, for messages
 * @throws ShipError SETTINGS_INVALID with all that is wrong: with each answer by itself, else with them together
 */
export function planFiles(files: readonly StackFile[], answers: Answers, where: string): PlannedFile[] {
  const asked = answerNames.filter((name) => questionOf(name).applies?.(answers) ?? true);
  const wrong = asked.map((name) => problemOf(name, answers)).filter((problem) => problem !== undefined);
  if (wrong.length > 0) {
    throw badAnswers(where, wrong);
  }
  const filled = files.map((before) => {
    const text = withSettings(before, settingsFor(before, answers));
    return { before, text, ...judge(before, text) };
  });
  const problems = filled.flatMap(({ found }) => found);
  if (problems.length > 0) {
    throw badAnswers(`${where}, or the file that is named`, problems);
  }
  return filled;
}

/**
 * Settings that the answers stand for, in one stack. What was adopted stays so: a second host or registry, made beside
 * the one with the books, would be an empty one.
 */
export function settingsFor(
  { stack, config }: Pick<StackFile, "stack" | "config">,
  answers: Answers,
): Record<string, string | string[]> {
  const { registry = "", registryHost, repository = "", region = "", from = "" } = answers;
  const staging = stack === "staging";
  const own = registry === "digitalocean";
  const adopted = config["registry:kind"] === registry && config["registry:ownership"] === "adopt";
  const target = answers.target === "doks" ? "doks" : "vps";
  const size = (staging ? answers.stagingSize : answers.size) ?? "";
  return {
    "registry:kind": registry,
    "registry:host": registryHost ?? usualHosts[registry as keyof typeof usualHosts],
    "registry:repository": repository,
    // One stack makes the registry, so that none is made twice; other registries are there already.
    "registry:ownership": own && staging && !adopted ? "create" : "adopt",
    ...(own ? { "registry:region": registryRegions.has(region) ? region : "" } : {}),
    ...(own
      ? {}
      : { "registry:username": answers.registryUser ?? "", "registry:pullUsername": answers.pullUser ?? "" }),
    "vps:mode": "none",
    "doks:mode": "none",
    [`${target}:mode`]: config[`${target}:mode`] === "adopt" ? "adopt" : "create",
    [`${target}:domain`]: (staging ? answers.stagingDomain : answers.domain) ?? "",
    [`${target}:acmeEmail`]: answers.email ?? "",
    [`${target}:region`]: region,
    ...(target === "vps"
      ? { "vps:size": size, "vps:sshFrom": listOf(from) }
      : { "doks:nodeSize": size, "doks:version": answers.kubernetesVersion ?? "", "doks:apiFrom": listOf(from) }),
  };
}

/** Secrets are given to each update, and the digest comes with the first release: neither is missing now. */
const later = {
  DIGITALOCEAN_TOKEN: "given later",
  VPS_SSH_PRIVATE_KEY: "given later",
  GHCR_TOKEN: "given later",
  REGISTRY_PASSWORD: "given later",
  REGISTRY_PULL_PASSWORD: "given later, another one",
} as const;
const anyDigest = `sha256:${"0".repeat(64)}`;
/** Stands for what is encrypted in the file, and is not known here. */
const anySecret = "-----BEGIN PRIVATE KEY-----";

function judge(
  { name }: StackFile,
  text: string,
): { readonly found: readonly string[]; readonly settings?: Settings | undefined } {
  const { config, secrets } = configIn(name, text);
  const unbuilt = config["odoo:environment"] === "production" && config["image:digest"] === "";
  const source = {
    ...config,
    ...Object.fromEntries([...secrets].map((key) => [key, anySecret])),
    ...(unbuilt ? { "image:digest": anyDigest } : {}),
  };
  try {
    return { found: [], settings: readSettings({ config: source, secretKeys: secrets, environment: later }) };
  } catch (error) {
    if (!(error instanceof ShipError)) throw error;
    const lines = error.code === "SETTINGS_INVALID" ? error.failure.found.split("\n") : [error.message];
    // `pulumi preview` judges those of what is encrypted.
    const known = lines.filter((line) => !secrets.has(line.split(": ", 1)[0] ?? ""));
    return { found: known.map((line) => `${name}: ${line}`) };
  }
}
