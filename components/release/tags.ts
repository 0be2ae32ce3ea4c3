import type { Revision } from "../shared/git";

/** Tags that a release sets. `fixed` tags are set once and never moved; `moving` ones follow the newest release. */
export interface ReleaseTags {
  readonly fixed: readonly string[];
  readonly moving: readonly string[];
}

/**
 * Names the tags of a release that was built from `revision`: `sha-<12>`, `<branch>-<12>`, `v1.2.3`, and the moving
 * `1.2`, `1`, `latest`.
 *
 * A second release of the same commit (other settings, the weekly rebuild) leaves the fixed tags where they are, and is
 * found by `sha-<12>-<8 of the content hash>`. An image with uncommitted changes gets `latest` only: a name that says a
 * commit would lie.
 */
export function builtReleaseTags(revision: Revision, contentHash: string): ReleaseTags {
  if (revision.dirty) {
    return { fixed: [], moving: ["latest"] };
  }
  const short = revision.id.slice(0, 12);
  const newest = [...revision.versionTags].sort(byVersion).at(-1);
  const [major, minor] = (newest ?? "").slice(1).split(".");
  return {
    fixed: [
      `sha-${short}`,
      `sha-${short}-${contentHash.slice(0, 8)}`,
      `${tagWord(revision.branch)}-${short}`,
      ...revision.versionTags,
    ],
    moving: [...(newest === undefined ? [] : [`${major}.${minor}`, `${major}`]), "latest"],
  };
}

/**
 * Names the tags of a digest that `image:digest` deploys. Production's is `stable`. Elsewhere such a deployment is a
 * rollback, which `latest` follows.
 */
export function deployedReleaseTags(environment: "sandbox" | "staging" | "production"): ReleaseTags {
  return { fixed: [], moving: [environment === "production" ? "stable" : "latest"] };
}

/** Replaces what a tag may not contain in a branch's name; 1 to 100 characters. */
function tagWord(branch: string): string {
  const word = branch
    .replaceAll(/[^A-Za-z0-9_.-]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(0, 100);
  return word === "" ? "branch" : word;
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
