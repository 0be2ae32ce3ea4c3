import { z } from "zod";

import type { RegistryClient } from "../registry/client";
import { type Bundle, bundleType, readBundle } from "./bundle";
import { listTypes, predicateTypes } from "./proof";

/** Bytes of a signature, or of results of gates: ours have some thousands. */
const mostBytes = 1_000_000;
/** Bytes of a list of what is in an image: one of Odoo's with files and packages has some millions. */
const mostBytesOfList = 100_000_000;
/** Whoever may push could hang any number of objects on an image. */
const mostObjects = 100;

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const descriptor = z.object({
  digest,
  annotations: z.record(z.string(), z.string()).optional(),
});
const indexSchema = z.object({ manifests: z.array(descriptor).default([]) });
const manifestSchema = z.object({
  layers: z.array(z.object({ digest, size: z.number(), mediaType: z.string() })),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** Part of a registry's client that tells what hangs on an image. */
export type StatementReader = Pick<RegistryClient, "referrers" | "content" | "hasBlob">;

const typeAnnotation = "dev.sigstore.bundle.predicateType";
const wanted: readonly string[] = Object.values(predicateTypes);
const ofLists: readonly string[] = Object.values(listTypes);

/** What hangs on an image, in the order of its digests. Nothing of it counts before cosign has verified it. */
export interface Hanging {
  /** Signatures and results of gates. */
  readonly bundles: readonly Bundle[];
  /** Lists of what is in the image, and whatever else may be one. The registry has them in full. */
  readonly lists: readonly AttachedList[];
}

export interface AttachedList {
  /** Of the registry's object, which results of gates name. */
  readonly digest: string;
  /** Of its content, a bundle. */
  readonly blob: string;
}

/**
 * Reads what hangs on an image. A registry without the referrers API has a tag with a list of it.
 * @param image `sha256:…`
 * @throws ShipError as the registry's client
 */
export async function hangingOn(client: StatementReader, image: string): Promise<Hanging> {
  const { manifests } = jsonAs(indexSchema, (await client.referrers(image)) ?? "{}") ?? { manifests: [] };
  const candidates = manifests
    .filter(({ annotations }) => mayBe([...wanted, ...ofLists], annotations))
    .map((one) => one.digest)
    .toSorted()
    .slice(0, mostObjects);
  const bundles: Bundle[] = [];
  const lists: AttachedList[] = [];
  for (const one of new Set(candidates)) {
    const manifest = jsonAs(manifestSchema, (await client.content(`manifests/${one}`)) ?? "");
    const [layer] = manifest?.layers ?? [];
    if (manifest === undefined || layer?.mediaType !== bundleType) continue;
    if (mayBe(wanted, manifest.annotations) && layer.size <= mostBytes) {
      const text = await client.content(`blobs/${layer.digest}`);
      const bundle = text === undefined ? undefined : readBundle(text);
      if (bundle === undefined) continue;
      if (wanted.includes(bundle.predicateType)) bundles.push(bundle);
      else if (ofLists.includes(bundle.predicateType)) lists.push({ digest: one, blob: layer.digest });
    } else if (mayBe(ofLists, manifest.annotations) && layer.size <= mostBytesOfList) {
      if (await client.hasBlob(layer.digest)) lists.push({ digest: one, blob: layer.digest });
    }
  }
  return { bundles, lists };
}

/** Only spares a download: what a statement is says its own, signed text. */
function mayBe(types: readonly string[], annotations: Readonly<Record<string, string>> | undefined): boolean {
  const type = annotations?.[typeAnnotation];
  return type === undefined || types.includes(type);
}

function jsonAs<S extends z.ZodType>(schema: S, text: string): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
