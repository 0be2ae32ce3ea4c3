import type { RunningServers } from "../../sandbox/test/helpers/running-servers";

const types = {
  index: "application/vnd.oci.image.index.v1+json",
  image: "application/vnd.oci.image.manifest.v1+json",
  part: "application/vnd.docker.distribution.manifest.v2+json",
};

/** Puts a manifest of the OCI's into the sandbox's registry, by its tag, or by its digest where that is empty. */
export async function putOci(
  running: RunningServers,
  repository: string,
  type: "index" | "image",
  tag: string,
  content: object,
): Promise<string> {
  const { username, password } = running.servers.push;
  const { token } = await running.token(username, password, `repository:${repository}:pull,push`);
  const body = JSON.stringify({ schemaVersion: 2, mediaType: types[type], ...content });
  return running.putManifest(repository, token, tag, types[type], body);
}

/** Manifests of an image as a builder pushes it and cosign signs it. */
export interface SignedIndex {
  readonly index: string;
  readonly part: string;
  readonly signature: string;
  /** List of what hangs on the index, under a tag. */
  readonly list: string;
}

/**
 * Pushes an index of one image, with a signature that says what it hangs on, and the list of it under a tag. Part and
 * signature have no tag.
 * @param labels of the image
 */
export async function pushSignedIndex(
  running: RunningServers,
  repository: string,
  tag: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<SignedIndex> {
  const part = await running.push(repository, "", `layer of ${tag}`, labels);
  const { username, password } = running.servers.push;
  const { token } = await running.token(username, password, `repository:${repository}:pull,push`);
  const text = await (await running.registry("GET", `/v2/${repository}/manifests/${part}`, token)).text();
  const { config, layers } = JSON.parse(text) as { config: object; layers: object[] };
  const listed = { mediaType: types.part, digest: part, size: Buffer.byteLength(text) };
  const index = await putOci(running, repository, "index", tag, { manifests: [listed], annotations: { of: tag } });
  const subject = { mediaType: types.index, digest: index, size: 1 };
  const signature = await putOci(running, repository, "image", "", { config, layers, subject });
  const signed = { mediaType: types.image, digest: signature, size: 1 };
  const list = await putOci(running, repository, "index", index.replace(":", "-"), { manifests: [signed] });
  return { index, part, signature, list };
}
