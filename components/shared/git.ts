import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "./errors";

/** Facts that Git knows of a set of paths. */
export interface Revision {
  /** Commit that last touched the paths; with `-dirty` when they have uncommitted changes; `unknown` outside Git. */
  readonly id: string;
  /** That commit as `git rev-parse --short` prints it in this clone, 4 to 40 digits; `unknown` outside Git. */
  readonly shortId: string;
  /** Its date, RFC 3339 in UTC; the epoch outside Git. */
  readonly created: string;
  readonly dirty: boolean;
  /** Current branch, `detached` without one. */
  readonly branch: string;
  /** Version tags (`v1.2.3`) on that commit or on the commit that is checked out. */
  readonly versionTags: readonly string[];
}

const outsideGit: Revision = {
  id: "unknown",
  shortId: "unknown",
  created: "1970-01-01T00:00:00Z",
  dirty: true,
  branch: "detached",
  versionTags: [],
};

/** Files beside modules that never reach an image, and so do not make a tree dirty. */
const notInputs = ["__pycache__/**", "*.pyc", ".DS_Store", "*~", "*.sw[op]", ".idea/**", ".vscode/**"].map(
  (pattern) => `:(exclude,glob)**/${pattern}`,
);

/**
 * Lists the files below a folder as Git sees them: tracked or new, without what it ignores. So a `.env` beside the code
 * stays there. Undefined outside Git.
 * @throws ShipError GIT_REFUSED, TOOL_MISSING: without Git's answer what it ignores would reach an image
 */
export function filesInGit(folder: string): string[] | undefined {
  const listed = ask(folder, ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  return listed?.split("\0").filter((file) => file !== "");
}

function run(folder: string, args: readonly string[]) {
  return spawnSync("git", ["-C", folder, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
    // Its words are read.
    env: { ...process.env, LC_ALL: "C" },
  });
}

/** What Git says of a folder; undefined outside of a repository. */
function ask(folder: string, args: readonly string[]): string | undefined {
  const { error, status, stdout, stderr } = run(folder, args);
  if (error === undefined && status === 0) {
    return stdout;
  }
  if (error !== undefined && "code" in error && error.code === "ENOENT") {
    const repository = repositoryAbove(folder);
    if (repository === undefined) {
      return undefined;
    }
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: "there is no git, and what it ignores may not reach an image",
      found: `a repository at ${repository}, and no program git on the PATH`,
      expected: "git, to tell the files of a module from what is only beside them",
      remedy: "install git, then run the same command again",
    });
  }
  const words = (error?.message ?? stderr).trim();
  if (words.includes("not a git repository")) {
    return undefined;
  }
  throw new ShipError({
    code: "GIT_REFUSED",
    summary: "Git does not say what belongs to a folder, and what it ignores may not reach an image",
    found: `${folder}: ${words.replaceAll(/\s+/g, " ")}`,
    expected: "an answer, or no repository at all",
    remedy: words.includes("safe.directory")
      ? "run as the user who owns the checkout; in a container that belongs to the job alone: " +
        `git config --global --add safe.directory ${repositoryAbove(folder) ?? folder}`
      : "`git status` in that folder shows the same; mend it, then run the same command again",
  });
}

/** The folder that has `.git`, from this one upwards. */
function repositoryAbove(folder: string): string | undefined {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, ".git"))) return at;
    if (at === path.dirname(at)) return undefined;
  }
}

interface InnerRepositories {
  readonly submodules: readonly string[];
  readonly others: readonly string[];
}

/** Repositories within this one that the folders lie in, or that lie in them as submodules. */
function innerRepositories(root: string, folders: readonly string[]): InnerRepositories {
  const above = folders.flatMap((folder) => {
    const parts = folder.split("/");
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  });
  const listed = ask(root, ["ls-files", "-z", "--stage", "--", ...above.map((name) => `:(literal)${name}`)]) ?? "";
  const links = listed.split("\0").filter((line) => line.startsWith("160000 "));
  const submodules = links.map((line) => line.slice(line.indexOf("\t") + 1));
  const own = [...new Set(above)].filter((name) => fs.existsSync(path.join(root, name, ".git")));
  return { submodules, others: own.filter((name) => !submodules.includes(name)) };
}

/**
 * Returns the commit that last touched `inputs` (Git pathspecs). Nothing else of the history counts: a commit elsewhere
 * in the tree leaves the image's labels alone, and with them its digest.
 * @param folders of the inputs, which may be submodules or repositories of their own
 * @throws ShipError GIT_REFUSED, TOOL_MISSING; GIT_HISTORY_MISSING in a shallow clone, where the last commit is not
 *   the one that touched the inputs
 */
export function revisionOf(
  root: string,
  inputs: readonly string[],
  folders: readonly string[] = [],
  environment: NodeJS.ProcessEnv = process.env,
): Revision {
  const git = (...args: string[]) => ask(root, args)?.trim();
  // Without a commit, or without a branch, Git has no answer.
  const attempt = (...args: string[]) => {
    const { status, stdout } = run(root, args);
    return status === 0 ? stdout.trim() : undefined;
  };
  const shallow = git("rev-parse", "--is-shallow-repository");
  if (shallow === undefined) {
    return outsideGit;
  }
  if (shallow === "true") {
    throw new ShipError({
      code: "GIT_HISTORY_MISSING",
      summary: "the image's revision cannot be told from a shallow clone",
      found: "a clone without its history",
      expected: "the whole history, so that a commit elsewhere does not change the image",
      remedy: "git fetch --unshallow; in GitHub Actions: actions/checkout with fetch-depth: 0",
    });
  }
  const { submodules, others } = innerRepositories(root, folders);
  const paths = [...inputs, ...submodules.map((name) => `:(literal)${name}`), ...notInputs];
  const [commit, date] = (attempt("log", "-1", "--format=%H %cI", "--", ...paths) ?? "").split(" ");
  if (commit === undefined || commit === "" || date === undefined) {
    return outsideGit;
  }
  const dirty =
    git("status", "--porcelain", "--ignore-submodules=none", "--", ...paths) !== "" ||
    others.some((name) => ask(path.join(root, name), ["status", "--porcelain", "--", ...notInputs]) !== "");
  const tagged = [commit, "HEAD"].flatMap((at) => git("tag", "--points-at", at)?.split("\n") ?? []);
  return {
    id: dirty ? `${commit}-dirty` : commit,
    shortId: git("rev-parse", "--short", commit) ?? commit,
    created: new Date(date).toISOString().replace(/\.\d+Z$/, "Z"),
    dirty,
    // CI checks out a commit, not a branch, and names the branch in its environment.
    branch: attempt("symbolic-ref", "--short", "HEAD") ?? environment["GITHUB_REF_NAME"] ?? "detached",
    versionTags: [...new Set(tagged)].filter(isVersionTag).sort(),
  };
}

/**
 * Names who has written commits, by commit: those that this clone has. A name that is an e-mail address loses its host.
 * @param commits of 40 digits; any other text is asked for nothing
 */
export function authorsOf(root: string, commits: readonly string[]): ReadonlyMap<string, string> {
  const wanted = commits.filter((commit) => /^[0-9a-f]{40}$/.test(commit));
  if (wanted.length === 0) return new Map();
  const { status, stdout } = run(root, ["log", "--no-walk", "--ignore-missing", "--format=%H %aN", ...wanted]);
  const lines = status === 0 ? stdout.split("\n").filter((line) => line !== "") : [];
  return new Map(lines.map((line) => [line.slice(0, 40), line.slice(41).replace(/@.*/, "")]));
}

/** Tells whether a tag, of Git or of an image, names a version as in `v1.2.3`. */
export function isVersionTag(tag: string): boolean {
  return /^v\d+\.\d+\.\d+$/.test(tag);
}
