/** A manifest as a registry lists it. */
export interface Listed {
  /** `sha256:…` */
  readonly digest: string;
  readonly tags: readonly string[];
  /** RFC 3339; empty if nobody tells it. */
  readonly date: string;
}

/** A manifest, and what it has to do with others. */
export interface Held extends Listed {
  /** Manifests that it lists, as an index does. */
  readonly children: readonly string[];
  /** Manifest that it hangs on, as a signature does. */
  readonly subject: string | undefined;
  /** Its configuration, its layers, and itself. */
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
}

/** Tells whether a list's entry is a manifest. The list of a build cache has layers there. */
export function isManifest({ mediaType = "manifest" }: { readonly mediaType?: string | undefined }): boolean {
  return /manifest|index/.test(mediaType);
}

/** Tag under which a registry without the referrers API keeps what hangs on a digest; cosign's own have an ending. */
const hangingTag = /^sha256-([0-9a-f]{64})(\.[a-z]+)?$/;

/** Lists the digests that a manifest hangs on: by its own word, and by its tags. */
export function subjectsOf({ subject, tags }: Pick<Held, "subject" | "tags">): string[] {
  const byTag = tags.flatMap((tag) => hangingTag.exec(tag)?.[1] ?? []).map((hex) => `sha256:${hex}`);
  return [...new Set([...(subject === undefined ? [] : [subject]), ...byTag])];
}
