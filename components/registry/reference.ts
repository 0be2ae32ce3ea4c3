import type { Settings } from "../../settings";
import { ShipError } from "../shared/errors";

const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** `host/namespace/name` of the images. */
export function imageRepository(registry: Settings["registry"]): string {
  return `${registry.host}/${registry.repository}`;
}

/** Tells whether the text is `sha256:` and 64 hexadecimal digits. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/**
 * Splits `host[:port]/path` into the registry's address and the repository's path. As for every Docker tool, a name
 * without a host is Docker Hub's.
 */
export function splitRepository(repository: string): { host: string; path: string } {
  const slash = repository.indexOf("/");
  const first = slash < 0 ? "" : repository.slice(0, slash);
  const hasHost = first.includes(".") || first.includes(":") || first === "localhost";
  const host = hasHost ? first : "docker.io";
  const path = hasHost ? repository.slice(slash + 1) : repository;
  return host === "docker.io"
    ? { host: "registry-1.docker.io", path: path.includes("/") ? path : `library/${path}` }
    : { host, path };
}

/**
 * The digest in what `docker.Image` answers about an image that it has pushed, `repository@sha256:…`.
 * @throws Error for any other answer
 */
export function pushedDigest(repoDigest: string): string {
  const [, digest] = repoDigest.split("@");
  if (digest === undefined) {
    throw new Error(`docker.Image answered ${repoDigest}, not repository@sha256:…`);
  }
  return digest;
}

/** Tells whether an image is named by its digest alone: a tag beside it would be ignored, and mislead its reader. */
export function isPinned(reference: string): boolean {
  const [repository = "", digest = "", ...rest] = reference.split("@");
  return (
    /^[a-z0-9][a-z0-9.:_/-]*$/.test(repository) &&
    !repository.slice(repository.lastIndexOf("/") + 1).includes(":") &&
    isDigest(digest) &&
    rest.length === 0
  );
}

/**
 * Refuses an image that is not named by its digest: a tag may name something else tomorrow.
 * @throws ShipError SETTINGS_INVALID
 */
export function requirePinned(reference: string): void {
  if (!isPinned(reference)) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "an image is named by its digest, and nothing else",
      found: reference,
      expected: "repository@sha256:…, without a tag",
      remedy: "name the digest: `docker buildx imagetools inspect <image>:<tag>` shows it",
    });
  }
}
