import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { ask } from "../components/shared/ask";
import { ShipError } from "../components/shared/errors";

const limitMs = 60_000;
const installMs = 10 * 60_000;

/** Asks Git; undefined if it has no answer. */
export async function git(root: string, ...args: string[]): Promise<string | undefined> {
  const { status, stdout } = await ask("git", ["-C", root, ...args], root, limitMs);
  return status === 0 ? stdout : undefined;
}

/** Branch that a pull request goes to, as GitHub names it in a job, else `main`; both as the remote has it. */
export function targetBranch(environment: NodeJS.ProcessEnv = process.env): string {
  return `origin/${environment["GITHUB_BASE_REF"] ?? "main"}`;
}

/**
 * Finds the commit from which the work of this tree goes away from another branch.
 * @throws ShipError SETTINGS_INVALID for a name that Git does not know, GIT_HISTORY_MISSING
 */
export async function forkOf(root: string, ref: string): Promise<string> {
  const commit = (await git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`))?.trim();
  if (commit === undefined) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "there is nothing of that name to compare with",
      found: `--base ${ref}: neither a file nor a commit that this clone knows`,
      expected: "what --save has written, or a branch, a tag or a commit",
      remedy: "git fetch origin, or name another one: --base origin/main",
    });
  }
  const fork = (await git(root, "merge-base", commit, "HEAD"))?.trim();
  if (fork !== undefined) return fork;
  throw new ShipError({
    code: "GIT_HISTORY_MISSING",
    summary: "what a branch changes cannot be told from a shallow clone",
    found: `no commit that ${ref} and HEAD have in common`,
    expected: "the whole history",
    remedy: "git fetch --unshallow; in GitHub Actions: actions/checkout with fetch-depth: 0",
  });
}

/**
 * Does something with another commit's tree, in a folder of its own that is removed afterwards. Its packages are those
 * of this tree, unless its lock file differs.
 */
export async function inTreeOf<T>(root: string, commit: string, work: (folder: string) => Promise<T>): Promise<T> {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "odoo-ship-preview-"));
  const folder = path.join(home, path.basename(root));
  try {
    const added = await ask("git", ["-C", root, "worktree", "add", "--detach", folder, commit], root, limitMs);
    if (added.status !== 0) throw noTree(commit, added.stderr.trim());
    await bringPackages(root, folder);
    return await work(folder);
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
    await git(root, "worktree", "prune");
  }
}

async function bringPackages(root: string, folder: string): Promise<void> {
  const lock = (place: string) => fs.readFileSync(path.join(place, "package-lock.json"), "utf8");
  if (lock(root) === lock(folder)) {
    fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
    return;
  }
  const args = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status, stderr, problem } = await ask("npm", args, folder, installMs);
  if (status !== 0) throw noTree("its locked packages", stderr.trim() || (problem ?? ""));
}

function noTree(what: string, found: string): ShipError {
  return new ShipError({
    code: "GIT_REFUSED",
    summary: "the tree to compare with cannot be laid out",
    found: `${what}: ${found}`,
    expected: "room in the folder for temporary files, and a Git and an npm that answer",
    remedy: "try `git worktree add` with that commit yourself; `git worktree prune` clears what a kill has left",
  });
}
