import * as fs from "node:fs";
import * as path from "node:path";

import { RegistryClient } from "../components/registry/client";
import { taggingLogin } from "../components/release/tag-order";
import { ShipError } from "../components/shared/errors";
import { printable } from "../components/shared/printable";
import { bareEnvironment, run } from "./programs";

/** The part of an image's configuration that tells of its layers. */
export interface ImageConfig {
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history?: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[];
}

/** One layer, from the bottom up. */
export interface Layer {
  /** Digest of its unpacked archive. */
  readonly diffId: string;
  /** The instruction that made it, as one short line. */
  readonly by: string;
  /** Whether our Dockerfile made it. Otherwise the base image brought it. */
  readonly own: boolean;
}

/** The first argument that only our Dockerfile has; it stands above the first instruction that makes a layer. */
const firstOfOurs = /^ARG SYSTEM_PACKAGES\b/;

/** Layers of an image. Where nothing shows the end of its base, all count as our own: none is looked at less for it. */
export function layersOf({ rootfs, history = [] }: ImageConfig): Layer[] {
  const begin = history.findLastIndex(({ created_by: by = "" }) => firstOfOurs.test(by));
  const made = history.flatMap(({ created_by: by = "", empty_layer: empty }, at) =>
    empty === true ? [] : [{ by, at }],
  );
  const known = made.length === rootfs.diff_ids.length;
  return rootfs.diff_ids.map((diffId, index) => {
    const { by, at } = (known ? made[index] : undefined) ?? { by: `layer ${index + 1}`, at: Infinity };
    return { diffId, by: lineOf(by).slice(0, 80), own: at > begin };
  });
}

/** An instruction as one line that may be shown. */
export function lineOf(instruction: string): string {
  return printable(instruction.replaceAll(/\s+/g, " "));
}

/** A layer as the registry stores it. */
export interface StoredLayer extends Layer {
  /** Digest of the blob. */
  readonly blob: string;
}

/** An image in its registry: what it says of its layers, and a way to have them. */
export interface StoredImage {
  readonly client: RegistryClient;
  readonly layers: readonly StoredLayer[];
}

/** For what may be large, such as a layer, while a line may be slow. */
export const largePatience = { requestMs: 10 * 60_000, totalMs: 15 * 60_000 };

/**
 * Reads which layers an image has from its registry. Each content is compared with the digest that names it.
 * @throws ShipError SCAN_INCOMPLETE for a list of images; those of the registry client
 */
export async function storedImage(
  order: { readonly stack: string; readonly image: string },
  folder: string,
): Promise<StoredImage> {
  const [repository = "", digest = ""] = order.image.split("@");
  const client = new RegistryClient(repository, await taggingLogin(order), largePatience);
  const manifest = JSON.parse(await client.manifest(digest)) as Manifest;
  if (manifest.config === undefined || manifest.layers === undefined) {
    throw new ShipError({
      code: "SCAN_INCOMPLETE",
      summary: "what was pushed is not one image",
      found: `${order.image} has no layers of its own, as a list of images for several platforms has none`,
      expected: "the image of one platform, as image:platform names it",
      remedy: "build for one platform, then run the update again",
    });
  }
  const file = path.join(folder, "config.json");
  await client.save(manifest.config.digest, file);
  const layers = layersOf(JSON.parse(fs.readFileSync(file, "utf8")) as ImageConfig);
  const blobs = manifest.layers;
  return { client, layers: layers.map((layer, index) => ({ ...layer, blob: blobs[index]?.digest ?? "" })) };
}

interface Manifest {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
}

const script = path.join(__dirname, "layer.py");
const limitMs = 15 * 60_000;

/**
 * Writes the regular files of a layer into a folder under numbers. What is in a layer names no place on this machine,
 * and links are not followed, since none is made.
 * @param mostBytes of all files together
 * @returns names of the files in the image, by their numbers
 * @throws ShipError SCAN_INCOMPLETE for a layer that is too large, or that cannot be read
 */
export async function unpackLayer(
  { client }: Pick<StoredImage, "client">,
  layer: StoredLayer,
  folder: string,
  mostBytes: number,
): Promise<string[]> {
  fs.mkdirSync(folder, { mode: 0o700 });
  return JSON.parse(await readLayer(client, layer, folder, ["unpack", folder, String(mostBytes)])) as string[];
}

/** Text of a file of the image as its uppermost layer of our own has it; undefined if none does. */
export async function readFromLayers(image: StoredImage, name: string, folder: string): Promise<string | undefined> {
  for (const layer of image.layers.filter(({ own }) => own).reverse()) {
    const [text] = JSON.parse(await readLayer(image.client, layer, folder, ["show", name])) as string[];
    if (text !== undefined) return text;
  }
  return undefined;
}

async function readLayer(
  client: RegistryClient,
  layer: StoredLayer,
  folder: string,
  args: readonly string[],
): Promise<string> {
  const blob = `${folder}.layer`;
  await client.save(layer.blob, blob);
  const { status, stdout, tail } = await run("python3", ["-I", script, blob, ...args], {
    env: bareEnvironment(),
    limitMs,
  });
  fs.rmSync(blob);
  if (status === 0) return stdout;
  throw new ShipError({
    code: "SCAN_INCOMPLETE",
    summary: "a layer of the image cannot be looked at",
    found: `${layer.by}: ${tail.split("\n").at(-1) ?? ""}`,
    expected: "a layer of moderate size, as Docker pushes it, and Python 3.10 or newer on this machine",
    remedy: "read the line above; a layer that is too large becomes smaller by leaving out what nobody needs",
  });
}
