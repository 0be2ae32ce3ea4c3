import { execFileSync } from "node:child_process";

import { ShipError } from "./errors";

/** Facts that Git knows of a set of paths. */
export interface Revision {
  /** Commit that last touched the paths; with `-dirty` when they have uncommitted changes; `unknown` outside Git. */
  readonly id: string;
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
 */
export function filesInGit(folder: string): string[] | undefined {
  try {
    const listed = execFileSync("git", ["-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 64 * 1024 * 1024,
    });
    return listed.split("\0").filter((file) => file !== "");
  } catch {
    return undefined;
  }
}

/**
 * Returns the commit that last touched `inputs` (Git pathspecs). Nothing else of the history counts: a commit elsewhere
 * in the tree leaves the image's labels alone, and with them its digest.
 * @throws ShipError GIT_HISTORY_MISSING in a shallow clone, where the last commit is not the one that touched the
 *   inputs
 */
export function revisionOf(
  root: string,
  inputs: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Revision {
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  const attempt = (...args: string[]) => {
    try {
      return git(...args);
    } catch {
      return undefined;
    }
  };
  const shallow = attempt("rev-parse", "--is-shallow-repository");
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
  const [commit, date] = (attempt("log", "-1", "--format=%H %cI", "--", ...inputs, ...notInputs) ?? "").split(" ");
  if (commit === undefined || commit === "" || date === undefined) {
    return outsideGit;
  }
  const dirty = git("status", "--porcelain", "--", ...inputs, ...notInputs) !== "";
  const tagged = [commit, "HEAD"].flatMap((at) => git("tag", "--points-at", at).split("\n"));
  return {
    id: dirty ? `${commit}-dirty` : commit,
    created: new Date(date).toISOString().replace(/\.\d+Z$/, "Z"),
    dirty,
    // CI checks out a commit, not a branch, and names the branch in its environment.
    branch: attempt("symbolic-ref", "--short", "HEAD") ?? environment["GITHUB_REF_NAME"] ?? "detached",
    versionTags: [...new Set(tagged)].filter((tag) => /^v\d+\.\d+\.\d+$/.test(tag)).sort(),
  };
}
