import * as fs from "node:fs";
import * as path from "node:path";

import { usualHosts } from "../components/registry/login";
import { imageRepository } from "../components/registry/reference";
import { gather, type Places } from "../releases/sources";
import type { Stack } from "../releases/stack";
import { configIn, shortName } from "../releases/stack-name";
import type { Settings } from "../settings";
import { isPending } from "./pulumi";
import { inWords, refused } from "./refused";
import type { Reasons } from "./rules";

/** A stack whose whole state can be read. */
export interface StatefulStack extends Stack {
  /** Its state as JSON, with secrets encrypted. */
  state(): Promise<string>;
}

/** What stacks say of the repository that they share. */
export interface SharedRepository {
  /** Those of one of them that can reach it. */
  readonly settings: Settings;
  /** Who names a digest, by digest. */
  readonly named: Reasons;
}

/** Wherever it stands: in JSON, too, where the letter of a line break may stand before it. */
const anyDigest = /sha256:[0-9a-f]{64}/g;

/**
 * Reads all that the stacks name, run, or could roll back to: settings, state, and what hosts and clusters tell.
 * @throws ShipError RETENTION_REFUSED where anything of it cannot be read, or a stack was left out
 */
export async function readStacks(
  root: string,
  stacks: readonly StatefulStack[],
  places?: Places,
): Promise<SharedRepository> {
  const known = [];
  for (const stack of stacks) known.push(await readStack(root, stack, places));
  const repositories = [...new Set(known.map(({ settings }) => imageRepository(settings.registry)))];
  const [repository, ...others] = repositories;
  const [first] = known;
  if (first === undefined || repository === undefined || others.length > 0) {
    throw refused(
      "the stacks do not share a repository; nothing was removed",
      repositories.join(" and ") || "no stack",
      "stacks with the same registry:host and registry:repository",
      "run it once for each repository, with all stacks that use it",
    );
  }
  refuseLeftOut(root, repository, stacks);
  const named = new Map<string, string[]>();
  for (const { name, digests } of known) {
    for (const digest of digests) named.set(digest, [...(named.get(digest) ?? []), `named by ${name}`]);
  }
  const able = known.find(({ settings }) => settings.digitalocean.token !== undefined) ?? first;
  return { settings: able.settings, named };
}

async function readStack(root: string, stack: StatefulStack, places: Places | undefined) {
  try {
    const state = await stack.state();
    if (isPending(state)) {
      throw refused(
        "an update is under way, or was killed; nothing was removed",
        `the state of ${stack.name} has operations that have not ended`,
        "stacks at rest",
        // An update that goes on keeps them in the state: it cannot see whether what was begun is there.
        `wait for its end; after a kill: pulumi up --stack ${stack.name}, then pulumi refresh ` +
          `--clear-pending-creates --stack ${stack.name}`,
      );
    }
    const { settings, reports } = await gather(root, stack, places);
    const unread = reports.filter(({ problem, history }) => problem !== "" || history === undefined);
    if (unread.length > 0) {
      throw refused(
        `it is not known what ${stack.name} could go back to; nothing was removed`,
        unread.map(({ target, problem }) => `${target} of ${stack.name}: ${problem}`).join("\n"),
        "an answer of every host and cluster",
        `see what is wrong with it: npm run releases -- --stack ${stack.name}; then run this again`,
      );
    }
    const text = [state, settings.image.digest, JSON.stringify(reports)].join("\n");
    return { name: stack.name, settings, digests: new Set(text.match(anyDigest) ?? []) };
  } catch (error) {
    const words = inWords(error);
    if (words.startsWith("RETENTION_REFUSED")) throw error;
    throw refused(
      `the stack ${stack.name} cannot be read; nothing was removed`,
      words,
      "every stack that uses the repository, with its login, its tokens and its passphrase",
      `see whether this works: npm run releases -- --stack ${stack.name}`,
    );
  }
}

/** Looks into the files of the other stacks: one that uses the repository, and is not read, could lose its image. */
function refuseLeftOut(root: string, repository: string, stacks: readonly StatefulStack[]): void {
  const given = new Set(stacks.map(({ name }) => shortName(name)));
  const files = fs.readdirSync(root).flatMap((file) => {
    const [, name] = /^Pulumi\.(.+)\.ya?ml$/.exec(file) ?? [];
    return name === undefined || given.has(name) ? [] : [{ file, name }];
  });
  const leftOut = files.filter(({ file }) => {
    const found = repositoryIn(path.join(root, file));
    return found === undefined || found === repository;
  });
  if (leftOut.length === 0) return;
  throw refused(
    "not every stack that uses the repository was named; nothing was removed",
    leftOut.map(({ file }) => `${file}, which uses ${repository}, or does not say in plain what it uses`).join("\n"),
    "all stacks of this project that use it",
    `add ${leftOut.map(({ name }) => `--stack ${name}`).join(" ")}; or remove the file of a stack that is no more`,
  );
}

/** Repository that a stack's file names; undefined if it cannot be told. */
function repositoryIn(file: string): string | undefined {
  try {
    const config = configIn(fs.readFileSync(file, "utf8"));
    const [kind, host, repository] = ["kind", "host", "repository"].map((name) => config[`registry:${name}`] ?? "");
    if (typeof host !== "string" || typeof repository !== "string" || repository === "") return undefined;
    const usual = Object.entries(usualHosts).find(([name]) => name === kind)?.[1] ?? "";
    return `${host === "" ? usual : host}/${repository}`;
  } catch {
    return undefined;
  }
}
