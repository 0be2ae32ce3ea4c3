import { createHash } from "node:crypto";

import type { Held } from "../../retention/held";

/** A digest made of any word. */
export const digestFor = (word: string) => `sha256:${createHash("sha256").update(word).digest("hex")}`;

interface MadeUp {
  readonly tags?: readonly string[];
  /** Days before {@link today}. */
  readonly days: number;
  /** What hangs on it: by its own word, by a tag, or both. */
  readonly signed?: "subject" | "tag" | "both";
}

export const today = new Date("2026-11-27T12:00:00Z");

/** Manifests of an image as builders push it: an index with two parts, one shared layer, and what hangs on it. */
export function imageNamed(word: string, { tags = [], days, signed }: MadeUp): Held[] {
  const date = new Date(today.getTime() - days * 86_400_000).toISOString();
  const one = (name: string, more: Partial<Held> = {}): Held => {
    const digest = digestFor(`${word} ${name}`);
    const blobs = [{ digest, size: 1 }];
    return { digest, tags: [], date, children: [], subject: undefined, blobs, ...more };
  };
  const layers = [
    { digest: digestFor("base layer"), size: 1000 },
    { digest: digestFor(`${word} layer`), size: 100 },
  ];
  const parts = [one("amd64", { blobs: layers }), one("provenance")];
  const index = one("index", { tags, children: parts.map(({ digest }) => digest) });
  const signature = one("signature", signed === "tag" ? {} : { subject: index.digest });
  const list = one("list", { tags: [index.digest.replace(":", "-")], children: [signature.digest] });
  const hanging = { subject: [signature], tag: [list, signature], both: [signature, list] };
  return [index, ...parts, ...(signed === undefined ? [] : hanging[signed])];
}

/** What a manifest brings with it, by following each of its links: found anew, not as the product finds it. */
export function closureOf(held: readonly Held[], start: string): Set<string> {
  const found = new Set([start]);
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const one of held) {
      if (found.has(one.digest)) one.children.forEach((child) => found.add(child));
      if (one.subject !== undefined && found.has(one.subject)) found.add(one.digest);
      if (one.tags.some((tag) => found.has(tag.replace("-", ":")))) found.add(one.digest);
    }
  }
  return found;
}

/** What is broken in a repository that has lost all but these: an index without a part, something without its image. */
export function brokenIn(before: readonly Held[], left: ReadonlySet<string>): string[] {
  const there = new Set(before.map(({ digest }) => digest));
  return before
    .filter(({ digest }) => left.has(digest))
    .flatMap(({ digest, children }) =>
      children.filter((child) => there.has(child) && !left.has(child)).map((child) => `${digest} lacks ${child}`),
    );
}
