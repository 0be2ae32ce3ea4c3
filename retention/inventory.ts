import { z } from "zod";

import type { RegistryClient } from "../components/registry/client";
import { jsonOf } from "../components/shared/json";
import { type Held, isManifest, type Listed } from "./held";
import { refused } from "./refused";
import type { Shelf } from "./shelf";

const descriptor = z.object({ digest: z.string(), size: z.number().default(0) });
/** What may be asked for by its digest: no other text goes into an address. */
const manifest = descriptor.extend({
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  mediaType: z.string().optional(),
});
const manifestSchema = z.object({
  config: descriptor.optional(),
  layers: z.array(descriptor).default([]),
  manifests: z.array(manifest).default([]),
  subject: manifest.nullish(),
});
const referrersSchema = z.object({ manifests: z.array(manifest).default([]) });

/** Requests under way at a time. */
const atOnce = 6;

/** Part of a registry's client that is used here. */
export type ManifestReader = Pick<RegistryClient, "manifest" | "referrers">;

/**
 * Reads every manifest that a repository lists. Where only those with a tag are listed it looks for their parts, and
 * for what hangs on them, too: each has the date of what led to it.
 * @throws ShipError RETENTION_REFUSED for one that cannot be understood: it may keep others. Else as the client
 */
export async function inventory(shelf: Shelf, client: ManifestReader): Promise<Held[]> {
  const waiting: Listed[] = await shelf.list();
  const seen = new Set(waiting.map(({ digest }) => digest));
  const held: Held[] = [];
  const follow = (digests: readonly string[], { date }: Listed) => {
    for (const digest of digests.filter((one) => !seen.has(one))) {
      seen.add(digest);
      waiting.push({ digest, tags: [], date });
    }
  };
  const read = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const one = parsed(next, await client.manifest(next.digest));
      held.push(one);
      if (!shelf.listsAll) follow([...one.children, ...(await hangingOn(client, one.digest))], one);
    }
  };
  // A reader may end while another one finds more.
  while (waiting.length > 0) await Promise.all(Array.from({ length: atOnce }, read));
  return held;
}

async function hangingOn(client: ManifestReader, digest: string): Promise<string[]> {
  const answer = referrersSchema.safeParse(jsonOf((await client.referrers(digest)) ?? "{}"));
  if (!answer.success) throw notUnderstood(`what hangs on ${digest}`);
  return answer.data.manifests.map((one) => one.digest);
}

function parsed(listed: Listed, text: string): Held {
  const { data } = manifestSchema.safeParse(jsonOf(text));
  if (data === undefined) throw notUnderstood(listed.digest);
  const { config, layers, manifests, subject } = data;
  const children = manifests.filter(isManifest);
  const others = manifests.filter((one) => !isManifest(one));
  return {
    ...listed,
    children: children.map(({ digest }) => digest),
    subject: subject?.digest,
    blobs: [
      ...(config === undefined ? [] : [config]),
      ...layers,
      ...others,
      { digest: listed.digest, size: Buffer.byteLength(text) },
    ],
  };
}

function notUnderstood(what: string) {
  return refused(
    "the registry has something that cannot be understood; nothing was removed",
    what,
    "an image, an index, or what hangs on one, as the OCI's specification has them",
    "look at it with: skopeo inspect --raw docker://REPOSITORY@DIGEST; remove it by hand if nobody needs it",
  );
}
