/** A release that targets of a stack run, or that an update has made. */
export interface ReleaseRecord {
  /** `sha256:…` */
  readonly digest: string;
  /** Commit that it was built from; empty if that is not known to this update. */
  readonly commit: string;
  /** Tags that this update has given it. */
  readonly tags: readonly string[];
  /** Targets that run it, and since when: RFC 3339, empty if the target has not told. */
  readonly targets: readonly { readonly name: string; readonly since: string }[];
}

/** A target, and what it runs; an empty digest if nothing was ever deployed there. */
export interface Run {
  readonly name: string;
  readonly digest: string;
  readonly since: string;
}

/**
 * Lists the release of an update, and after it others that a target runs which the update has left out. Nothing is read
 * for it: an update that changes nothing tells the same.
 */
export function recordsOf(own: Omit<ReleaseRecord, "targets">, running: readonly Run[]): ReleaseRecord[] {
  const on = (digest: string) =>
    running.filter((one) => one.digest === digest).map(({ name, since }) => ({ name, since }));
  const others = new Set(running.map(({ digest }) => digest).filter((one) => one !== "" && one !== own.digest));
  return [
    { ...own, targets: on(own.digest) },
    ...[...others].map((digest) => ({ digest, commit: "", tags: [], targets: on(digest) })),
  ];
}
