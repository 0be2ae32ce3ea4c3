import { z } from "zod";

import type { RegistryClient } from "../registry/client";
import { type Bundle, bundleType, readBundle } from "./bundle";
import { predicateTypes } from "./proof";

/** Bytes of a bundle that is read. Ours have some thousands; lists of packages are larger, and are none of those. */
const mostBytes = 1_000_000;
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

const typeAnnotation = "dev.sigstore.bundle.predicateType";
const wanted: readonly string[] = Object.values(predicateTypes);

/**
 * Reads the signed statements that hang on an image, in the order of their digests: signatures and results of gates. A
 * registry without the referrers API has a tag with a list of them.
 * @param image `sha256:…`
 * @throws ShipError as the registry's client
 */
export async function bundlesOf(client: RegistryClient, image: string): Promise<Bundle[]> {
  const { manifests } = jsonAs(indexSchema, (await client.referrers(image)) ?? "{}") ?? { manifests: [] };
  const candidates = manifests
    .filter(({ annotations }) => mayBeWanted(annotations))
    .map((one) => one.digest)
    .toSorted()
    .slice(0, mostObjects);
  const bundles: Bundle[] = [];
  for (const one of new Set(candidates)) {
    const bundle = await bundleOf(client, one);
    if (bundle !== undefined && wanted.includes(bundle.predicateType)) bundles.push(bundle);
  }
  return bundles;
}

async function bundleOf(client: RegistryClient, object: string): Promise<Bundle | undefined> {
  const manifest = jsonAs(manifestSchema, (await client.content(`manifests/${object}`)) ?? "");
  const [layer] = manifest?.layers ?? [];
  if (layer?.mediaType !== bundleType || layer.size > mostBytes || !mayBeWanted(manifest?.annotations)) {
    return undefined;
  }
  const text = await client.content(`blobs/${layer.digest}`);
  return text === undefined ? undefined : readBundle(text);
}

/** Only spares a download: what a statement is says its own, signed text. */
function mayBeWanted(annotations: Readonly<Record<string, string>> | undefined): boolean {
  const type = annotations?.[typeAnnotation];
  return type === undefined || wanted.includes(type);
}

function jsonAs<S extends z.ZodType>(schema: S, text: string): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
