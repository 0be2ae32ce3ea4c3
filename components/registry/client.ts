import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { type Patience, defaultPatience } from "../shared/http";
import { type RegistryAccess, RegistryConnection } from "./connection";

export type { RegistryAccess } from "./connection";

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Manifest of an image, or of an index of several. */
interface Manifest {
  readonly config?: { readonly digest: string };
  readonly manifests?: readonly { readonly digest: string; readonly platform?: { readonly os?: string } }[];
}

/** Client of one repository, in a registry that speaks the OCI distribution API (v1.1). */
export class RegistryClient {
  readonly #connection: RegistryConnection;

  /** @param repository `host[:port]/path`, without tag or digest */
  constructor(
    readonly repository: string,
    access?: RegistryAccess,
    patience: Patience = defaultPatience,
  ) {
    this.#connection = new RegistryConnection(repository, access, patience);
  }

  /** Returns the digest that a tag (or digest) names now, or undefined if the registry does not have it. */
  async digestOf(reference: string): Promise<string | undefined> {
    const answer = await this.#connection.send("HEAD", `manifests/${reference}`, "pull", {
      headers: { accept: manifestTypes },
    });
    if (answer.status === 404) {
      return undefined;
    }
    this.#connection.expect(answer, [200], `looking up ${reference}`);
    return answer.headers.get("docker-content-digest") ?? undefined;
  }

  /** Lists the repository's tags, in no order; none of a repository that does not exist yet. */
  async tags(): Promise<string[]> {
    const found: string[] = [];
    for (let target: string | undefined = "tags/list?n=1000"; target !== undefined;) {
      const answer = await this.#connection.send("GET", target, "pull", {});
      if (answer.status === 404) {
        return found;
      }
      this.#connection.expect(answer, [200], "listing the tags");
      found.push(...((JSON.parse(answer.body) as { tags?: string[] | null }).tags ?? []));
      const next = /<([^>]+)>\s*;\s*rel="?next/.exec(answer.headers.get("link") ?? "")?.[1];
      target = next === undefined ? undefined : this.#connection.follow("tags/list", next);
    }
    return found;
  }

  /**
   * Reads what an image says of itself: its digest, and the labels of its configuration. Of an index that is the first
   * image in it that is one for a machine.
   * @returns undefined if the registry does not have it
   */
  async imageOf(reference: string): Promise<{ digest: string; labels: Readonly<Record<string, string>> } | undefined> {
    const named = await this.content(`manifests/${reference}`);
    if (named === undefined) {
      return undefined;
    }
    const inside = (JSON.parse(named) as Manifest).manifests?.find(({ platform }) => platform?.os !== "unknown");
    const manifest = inside === undefined ? named : await this.content(`manifests/${inside.digest}`);
    const { config } = JSON.parse(manifest ?? "{}") as Manifest;
    const described = config && (await this.content(`blobs/${config.digest}`));
    if (described === undefined) {
      return undefined;
    }
    const { config: own } = JSON.parse(described) as { config?: { Labels?: Record<string, string> | null } };
    return { digest: `sha256:${sha256(named)}`, labels: own?.Labels ?? {} };
  }

  /**
   * Returns a manifest by its digest, as the registry stores it.
   * @throws ShipError MANIFEST_ERROR for another content than the digest names
   */
  async manifest(digest: string): Promise<string> {
    const answer = await this.#connection.send("GET", `manifests/${digest}`, "pull", {
      headers: { accept: manifestTypes },
    });
    this.#connection.expect(answer, [200], `reading ${digest}`);
    this.#connection.expectContent(digest, sha256(answer.body));
    return answer.body;
  }

  /**
   * Writes a blob, such as a layer, to a file.
   * @throws ShipError MANIFEST_ERROR for another content than the digest names: what is in the file is not to be used
   */
  async save(digest: string, file: string): Promise<void> {
    const answer = await this.#connection.send("GET", `blobs/${digest}`, "pull", {}, async (response) => {
      if (!response.ok || response.body === null) return response.text();
      const hash = createHash("sha256");
      const hashed = async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      };
      await pipeline(Readable.fromWeb(response.body), hashed, fs.createWriteStream(file, { mode: 0o600 }));
      return hash.digest("hex");
    });
    this.#connection.expect(answer, [200], `reading ${digest}`);
    this.#connection.expectContent(digest, answer.body);
  }

  /**
   * Returns the list of what hangs on an image, such as its signatures, as the registry's JSON; undefined if there is
   * none. A registry without the referrers API has it under a tag.
   * @param digest `sha256:…`
   */
  async referrers(digest: string): Promise<string | undefined> {
    // What registries answer that do not know the question.
    const found = await this.content(`referrers/${digest}`, [404, 400, 405, 406]);
    return found ?? (await this.content(`manifests/${digest.replace(":", "-")}`));
  }

  /** Returns the text of something that the registry has, such as `blobs/sha256:…`; undefined if it does not. */
  async content(target: string, absent: readonly number[] = [404]): Promise<string | undefined> {
    const answer = await this.#connection.send("GET", target, "pull", { headers: { accept: `${manifestTypes}, */*` } });
    if (absent.includes(answer.status)) {
      return undefined;
    }
    this.#connection.expect(answer, [200], `reading ${target}`);
    return answer.body;
  }

  /** Answers whether the registry has a blob, without fetching it. */
  async hasBlob(digest: string): Promise<boolean> {
    const answer = await this.#connection.send("HEAD", `blobs/${digest}`, "pull", {});
    this.#connection.expect(answer, [200, 404], `looking up ${digest}`);
    return answer.status === 200;
  }

  /** Makes `tag` name the manifest `digest`, which must be in the repository. The image's bytes do not move. */
  async tag(digest: string, tag: string): Promise<void> {
    const manifest = await this.#connection.send("GET", `manifests/${digest}`, "pull,push", {
      headers: { accept: manifestTypes },
    });
    this.#connection.expect(manifest, [200], `reading ${digest}`);
    const contentType = manifest.headers.get("content-type") ?? "application/vnd.oci.image.manifest.v1+json";
    const put = await this.#connection.send("PUT", `manifests/${tag}`, "pull,push", {
      headers: { "content-type": contentType },
      body: manifest.body,
    });
    this.#connection.expect(put, [200, 201], `setting the tag ${tag}`);
  }

  /** Removes a manifest by its digest, and with it its tags; one that is gone already is no error. */
  async remove(digest: string): Promise<void> {
    const answer = await this.#connection.send("DELETE", `manifests/${digest}`, "delete", {});
    this.#connection.expect(answer, [200, 202, 204, 404], `removing ${digest}`);
  }

  /**
   * Begins an upload and cancels it. This tells whether a push would be accepted, before minutes are spent on a build.
   */
  async probePush(): Promise<void> {
    const begun = await this.#connection.send("POST", "blobs/uploads/", "pull,push", {});
    this.#connection.expect(begun, [202], "beginning a push");
    const location = begun.headers.get("location");
    // At another host the cancellation would need a login, so the upload is left to end by itself.
    const upload = location === null ? undefined : this.#connection.follow("blobs/uploads/", location);
    if (upload !== undefined) {
      await this.#connection.send("DELETE", upload, "pull,push", {});
    }
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
