import * as fs from "node:fs";
import * as path from "node:path";

import { z } from "zod";

import { ask } from "../shared/ask";
import { ShipError } from "../shared/errors";

/** A repository of addons that the build fetches. */
export interface Repository {
  /** Last part of the directory that the file gives it. */
  readonly name: string;
  readonly url: string;
  /** Full hash of the commit. */
  readonly commit: string;
}

interface Problem {
  readonly found: string;
  readonly remedy: string;
}

// `18.0` is a number in YAML.
const word = z.union([z.string(), z.number()]).transform(String);
const merge = z.union([
  z
    .string()
    .regex(/^\S+ \S+$/)
    .transform((text) => text.split(" ") as [remote: string, ref: string]),
  z.object({ remote: word, ref: word }).transform(({ remote, ref }): [remote: string, ref: string] => [remote, ref]),
]);
/** What git-aggregator needs of a directory. It ignores keys that it does not know, and so does this. */
const entry = z.object({
  remotes: z.record(z.string(), z.string()),
  merges: z.array(merge).min(1),
  shell_command_after: z.unknown().optional(),
});

const example = "remotes: {oca: https://github.com/OCA/server-tools.git}, merges: [oca <commit>]";
const odooItself = /\/(odoo\/(odoo|enterprise)|OCA\/OCB)(\.git)?\/?$/i;
const askLimitMs = 20_000;

/**
 * Reads a `repos.yaml` of git-aggregator, of which the part is taken that names one content for ever: in each
 * directory, one commit of one remote that everybody may read.
 * @param series in whose branch people who left `$ODOO_VERSION` in the file are interested
 * @throws ShipError REPOS_INVALID with all problems; what a branch's commit is now is asked for
 */
export async function readRepositories(root: string, file: string, series: string): Promise<Repository[]> {
  if (file === "") {
    return [];
  }
  const entries = Object.entries(await readFile(root, file));
  const names = entries.map(([directory]) => path.posix.basename(directory));
  const read = await Promise.all(
    entries.map(async ([directory, content], index) => {
      const name = names[index] ?? "";
      const own = /^\w[\w.-]*$/.test(name) && names.indexOf(name) === index;
      const pinned = own ? await pin(root, name, content, series) : shared;
      return "found" in pinned ? { ...pinned, found: `${directory}: ${pinned.found}` } : pinned;
    }),
  );
  const problems = read.filter((item): item is Problem => "found" in item);
  if (problems.length > 0) {
    throw refusal(file, problems);
  }
  return read.filter((item): item is Repository => "commit" in item);
}

const shared: Problem = {
  found: "is no directory of its own",
  remedy: "give each repository a directory with another last part",
};

async function readFile(root: string, file: string): Promise<Record<string, unknown>> {
  // Few have such a file, and every update loads what stands at the top.
  const { parse } = await import("yaml");
  try {
    const content: unknown = parse(fs.readFileSync(path.join(root, file), "utf8"));
    return z.record(z.string(), z.unknown()).parse(content ?? {});
  } catch (error) {
    const found = error instanceof z.ZodError ? "no map of directories" : (error as Error).message;
    throw refusal(file, [{ found, remedy: `correct the file, or image:repos; in each directory ${example}` }]);
  }
}

function refusal(file: string, problems: readonly Problem[]): ShipError {
  return new ShipError({
    code: "REPOS_INVALID",
    summary: `the repositories in ${file} cannot be fetched as they are written; nothing was built or pushed`,
    found: problems.map(({ found }) => found).join("\n"),
    expected: "in each directory one commit, by its full hash, of a repository at https:// that needs no password",
    remedy: [...new Set(problems.map(({ remedy }) => remedy))].join("\n"),
  });
}

/** The repository of one directory, or what is wrong with it. */
async function pin(root: string, name: string, content: unknown, series: string): Promise<Repository | Problem> {
  const parsed = entry.safeParse(content);
  if (!parsed.success) {
    return { found: "has not the form of git-aggregator", remedy: `write ${example}` };
  }
  const { remotes, merges, shell_command_after: commands } = parsed.data;
  if (Array.isArray(commands) ? commands.length > 0 : Boolean(commands)) {
    return { found: "has shell_command_after", remedy: "commit what these commands do, and pin that commit" };
  }
  const [[remote, ref] = ["", ""], ...more] = merges;
  if (more.length > 0) {
    return {
      found: `merges ${merges.length} commits`,
      remedy: "push what gitaggregate makes of several merges to a fork of yours, and pin its commit",
    };
  }
  const url = remotes[remote];
  if (url === undefined) {
    return { found: `merges from ${remote}, which is no remote`, remedy: "name one of its remotes" };
  }
  if (odooItself.test(url)) {
    return { found: "is Odoo itself", remedy: "take it out: Odoo comes from the base image" };
  }
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (
    address?.protocol !== "https:" ||
    `${address.username}${address.password}${address.search}${address.hash}` !== ""
  ) {
    // The address itself may hold a password or a token.
    return {
      found: `remote ${remote} is not at https://, or has a login in its address`,
      remedy: "write https://host/owner/repository; take a private repository as a Git submodule (docs/addons.md)",
    };
  }
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)) {
    const commit = await commitNow(root, url, ref.replaceAll(/\$\{?ODOO_VERSION\}?/g, series));
    return {
      found: `${remote} ${ref} may be another commit tomorrow`,
      remedy:
        commit === undefined
          ? `pin the commit that this prints: git ls-remote ${url} ${ref}`
          : `write "${remote} ${commit}", which is ${ref} now`,
    };
  }
  return { name, url, commit: ref };
}

/** Commit of a branch, a tag or any other ref of a repository; undefined if nobody answers. */
async function commitNow(root: string, url: string, ref: string): Promise<string | undefined> {
  const only = ["-c", "protocol.allow=never", "-c", "protocol.https.allow=always"];
  // Nobody sits there to be asked for a password.
  const command = ["GIT_TERMINAL_PROMPT=0", "git", ...only, "ls-remote", "--", url, ref, `${ref}^{}`];
  const { status, stdout } = await ask("env", command, root, askLimitMs);
  const lines = status === 0 ? stdout.trim().split("\n") : [];
  const commits = new Map(lines.map((line) => line.split("\t").reverse() as [ref: string, commit: string]));
  // An annotated tag is an object of its own; with ^{} it is the commit.
  const forms = [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`, ref];
  return forms.map((form) => commits.get(form)).find((commit) => commit !== undefined);
}
