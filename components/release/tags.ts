import { isVersionTag, type Revision } from "../shared/git";

/** Tags of a digest. `fixed` ones are set once and never moved; `moving` ones follow the newest release. */
export interface Tags {
  readonly fixed: readonly string[];
  readonly moving: readonly string[];
}

/** Tags of a release, and whether each is as it should be already. */
export interface PlannedTags extends Tags {
  readonly areSet: boolean;
}

/** Tags that a release sets. */
export interface ReleaseTags {
  /** Those that say what the image was built from, set before the deployment: they stay true whatever comes of it. */
  readonly built: Tags;
  /** Those that say what serves, set after the deployment, and only where it serves. */
  readonly served: Tags;
}

const none: Tags = { fixed: [], moving: [] };

/**
 * Digits of a commit in the tags, beside the clone's own short form: all, 12, and those that Git usually prints for
 * short. How many these are differs between two clones of one repository; no usual one of one may be missing in
 * another.
 */
const digits = [40, 12, 7, 8, 9, 10];

/** Tag that each release has, and no other image: `sha-<12 of the commit>-<8 of the content hash>`. */
export function releaseTag(commit: string, contentHash: string): string {
  return `sha-${commit.slice(0, 12)}-${contentHash.slice(0, 8)}`;
}

/** Tag of an image that every target of the stack which built it has run: production may take it. */
export function servedTag(contentHash: string): string {
  return `served-${contentHash}`;
}

/**
 * Names the tags of a release that was built from `revision`. For the image: `sha-<commit>` in each length, and
 * `<branch>-<12>`. For what serves: `v1.2.3` and the moving `1.2`, `1`, `latest`, and
 * `served-<content hash>`, by which a later promotion knows that it has served.
 *
 * A second release of the same commit (other settings, the weekly rebuild) leaves the fixed tags where they are, and is
 * found by `sha-<12>-<8 of the content hash>`. An image with uncommitted changes gets none: a name that says a commit
 * would lie, and nobody could build again what `latest` names.
 * @param present tags of the registry: `1` and `1.2` do not go back from a newer version that is among them
 */
export function builtReleaseTags(
  revision: Revision,
  contentHash: string,
  present: readonly string[] = [],
): ReleaseTags {
  if (revision.dirty) {
    return { built: none, served: none };
  }
  const short = revision.id.slice(0, 12);
  const commits = new Set([...digits.map((count) => revision.id.slice(0, count)), revision.shortId]);
  const newest = [...revision.versionTags].sort(byVersion).at(-1);
  return {
    built: {
      fixed: [
        ...[...commits].map((name) => `sha-${name}`),
        releaseTag(short, contentHash),
        `${tagWord(revision.branch)}-${short}`,
      ],
      moving: [],
    },
    served: {
      fixed: revision.versionTags,
      moving: [servedTag(contentHash), ...(newest === undefined ? [] : shorterForms(newest, present)), "latest"],
    },
  };
}

/**
 * Names the tags of a digest that `image:digest` deploys. Production's is `stable`. Elsewhere such a deployment is a
 * rollback, which `latest` follows.
 */
export function deployedReleaseTags(environment: "sandbox" | "staging" | "production"): ReleaseTags {
  return { built: none, served: { fixed: [], moving: [environment === "production" ? "stable" : "latest"] } };
}

/** `1.2` and `1` for `v1.2.3`, each if none of the others that it would stand for is newer. */
function shorterForms(version: string, present: readonly string[]): string[] {
  const [major = "", minor = ""] = version.slice(1).split(".");
  return [`${major}.${minor}`, major].filter((form) => {
    const others = present.filter((tag) => isVersionTag(tag) && tag.startsWith(`v${form}.`));
    return others.every((tag) => byVersion(tag, version) <= 0);
  });
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
