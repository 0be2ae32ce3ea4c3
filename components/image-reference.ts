import { ShipError } from "./errors";

const digestPattern = /^sha256:[0-9a-f]{64}$/;
const pinnedPattern = /^(?<repository>[^@\s]+)@(?<digest>sha256:[0-9a-f]{64})$/;

/** `repository@sha256:…`, split. The repository includes the registry's host and never a tag. */
export interface PinnedImage {
  readonly repository: string;
  readonly digest: string;
}

/** Whether the text is `sha256:` and 64 hexadecimal digits. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** Splits `repository@sha256:…`; a reference by tag is refused, since a tag can move under a running deployment. */
export function parsePinned(reference: string): PinnedImage {
  const parts = pinnedPattern.exec(reference)?.groups;
  const repository = parts?.["repository"];
  const digest = parts?.["digest"];
  if (repository === undefined || digest === undefined || /:[^/]*$/.test(repository)) {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary: "an image is not pinned by digest",
      found: reference,
      expected: "repository@sha256:<64 hexadecimal digits>, without a tag",
      remedy: "use the stack output imageReference, or look the digest up in the registry",
    });
  }
  return { repository, digest };
}

/**
 * The registry's address and the repository's path within it, of `host[:port]/path`. A name without a host is Docker Hub's, as for
 * every Docker tool.
 */
export function splitRepository(repository: string): { host: string; path: string } {
  const slash = repository.indexOf("/");
  const first = slash < 0 ? "" : repository.slice(0, slash);
  const hasHost = first.includes(".") || first.includes(":") || first === "localhost";
  const host = hasHost ? first : "docker.io";
  const path = hasHost ? repository.slice(slash + 1) : repository;
  return host === "docker.io" ? { host: "registry-1.docker.io", path: path.includes("/") ? path : `library/${path}` } : { host, path };
}
