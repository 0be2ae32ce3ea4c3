/**
 * `npm run retention -- --stack staging --stack prod [--apply] [--yes] [--json]`: what the registry's repository keeps,
 * and what goes. docs/retention.md has the whole of it.
 *
 * Environment: without `--stack`, `PULUMI_STACK` and `PRODUCTION_STACK`. An empty variable counts as none.
 */
import "../components/shared/compile-cache";
import * as fs from "node:fs";

import { RegistryClient } from "../components/registry/client";
import { imageRepository } from "../components/registry/reference";
import { forgetEmptyVariables } from "../components/shared/environment";
import { ShipError } from "../components/shared/errors";
import { agreed } from "../releases/agreement";
import { misused, readValues, stackName } from "../releases/arguments";
import { PulumiStack } from "../releases/stack";
import type { Settings } from "../settings";
import { type Repository, retain } from "./carry-out";
import { lockedStacks, type Teller, teller } from "./pulumi";
import { DigitalOceanShelf } from "./digitalocean-shelf";
import { DistributionShelf } from "./distribution-shelf";
import { refused } from "./refused";
import type { StatefulStack } from "./stacks";
import { planText } from "./words";

const usage = {
  usage: "npm run retention -- --stack <name> [--stack <another> …] [--apply] [--yes] [--json]",
  options: {
    stack: { type: "string", multiple: true },
    apply: { type: "boolean" },
    yes: { type: "boolean" },
    json: { type: "boolean" },
  },
  page: "docs/retention.md",
} as const;

/**
 * Reads the arguments.
 * @throws ShipError SETTINGS_INVALID
 */
export function readOrder(args: readonly string[], environment: NodeJS.ProcessEnv) {
  const { stack, apply = false, yes = false, json = false } = readValues(usage, args);
  const { PULUMI_STACK: staging, PRODUCTION_STACK: production } = environment;
  const named = stack ?? [staging, production].filter((name) => name !== undefined);
  if (named.length === 0) throw misused(usage.usage, "no --stack", usage.page);
  return { stacks: [...new Set(named.map((name) => stackName(usage, "--stack", name)))], apply, yes, json };
}

/** A stack of Pulumi's, with its state. */
class ExportedStack extends PulumiStack implements StatefulStack {
  constructor(
    name: string,
    root: string,
    private readonly tell: Teller,
  ) {
    super(name, root);
  }

  state(): Promise<string> {
    return this.tell("pulumi", "stack", "export", "--stack", this.name, "--non-interactive");
  }
}

/** @throws ShipError RETENTION_REFUSED for DigitalOcean's registry without a token for its API */
function repositoryOf({ registry, registryAccess, digitalocean }: Settings): Repository {
  const client = new RegistryClient(imageRepository(registry), registryAccess);
  if (registry.kind !== "digitalocean") return { client, shelf: new DistributionShelf(client) };
  const { apiUrl, token } = digitalocean;
  if (token !== undefined) return { client, shelf: new DigitalOceanShelf({ apiUrl, token }, registry.repository) };
  throw refused(
    "DigitalOcean's registry is listed by its API; nothing was removed",
    "no token for the API",
    "a token with registry:read; with --apply also registry:update and registry:delete",
    "set DIGITALOCEAN_TOKEN",
  );
}

async function main(args: readonly string[]): Promise<void> {
  forgetEmptyVariables();
  const { stacks, apply, yes, json } = readOrder(args, process.env);
  const root = process.cwd();
  const tell = teller(root);
  const means = {
    root,
    stacks: stacks.map((name) => new ExportedStack(name, root, tell)),
    repository: repositoryOf,
    locked: () => lockedStacks(root, tell, stacks),
    now: () => new Date(),
  };
  process.exitCode = await retain(means, apply, {
    // With --json standard output is the plan alone.
    say: (text) => (json ? console.error(text) : console.log(text)),
    agrees: async () => yes || (await agreed("Remove all that?", "RETENTION_REFUSED")),
    planned: (plan, repository) => {
      if (json) console.log(JSON.stringify({ repository, ...plan }, undefined, 2));
      const summary = process.env["GITHUB_STEP_SUMMARY"];
      if (summary !== undefined) fs.appendFileSync(summary, `\`\`\`text\n${planText(repository, plan)}\n\`\`\`\n`);
    },
  });
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
