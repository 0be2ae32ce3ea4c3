import * as fs from "node:fs";
import * as path from "node:path";
import { readBaseImage, type BaseImage } from "../../components/image/base-image";
import { readImagesRecord, type ImagesRecord } from "../../components/odoo/companion-images";
import { ShipError } from "../../components/shared/errors";
import { RegistryClient } from "../../components/registry/client";
import { Secret } from "../../components/shared/secret";
import { paths, registryAddress } from "../config";
import { objectLabel } from "../containers/docker";
import { dockerConfig } from "../environment";
import { run, stuckMs } from "../process";
import { readServers } from "../servers-control";
import { part, type Progress } from "../tools/cache";
import { builtToolSource, ensureGateTool, gateToolPath } from "../tools/gate-tools";
import { caddyVersion, ensureCaddyBinary, proxySource } from "../tools/caddy-binary";
import { ensureBuilt } from "./build";
import { pullPublic } from "./public";
import { writeFileAtomically } from "../support/atomic-file";

/** The record of the base image that the program reads; same shape as images/odoo/base-image.json. */
export const baseRecord = path.join(paths.state, "base-image.json");
/** Those of the images beside Odoo; same shape as images/vps-images.json. */
export const vpsImagesRecord = path.join(paths.state, "vps-images.json");

/** An image in the sandbox's registry and in the local engine. */
export interface SandboxImage {
  /** `127.0.0.1:5055/library/<name>` */
  readonly reference: string;
  readonly tag: string;
  readonly digest: string;
  /** Whether it was pulled from the public registry, or built from Debian packages. */
  readonly origin: "pulled" | "built";
}

/** How much of the work for an image is its build, for the progress; the rest is the push. */
const buildShare = 0.55;

/** The base image of Odoo and its record: the official one by its recorded digest, else Debian's newest Odoo. */
export async function ensureOdooBase(progress: Progress): Promise<SandboxImage & { readonly series: string }> {
  const official = readBaseImage(paths.root, "images/odoo/base-image.json");
  const pulled = await pullPublic(official.reference, official.digest, progress);
  const series = pulled === undefined ? "19.0" : official.series;
  const local = pulled ?? (await ensureBuilt("odoo", series, part(progress, 0, buildShare)));
  const image = await publish(local, "odoo", series, pulled === undefined ? "built" : "pulled", progress);
  const { uid, gid } = await userOf(local);
  if (uid !== official.uid || gid !== official.gid) throw wrongUser(local, `${uid}:${gid}`, official);
  const { reference, tag, digest } = image;
  writeRecord(baseRecord, { reference, tag, digest, date: await dateOf(local), series, uid, gid });
  return { ...image, series };
}

/** PostgreSQL for the sandbox: the official image by its recorded digest, else Debian's of the same major version. */
export async function ensurePostgres(progress: Progress): Promise<SandboxImage> {
  const { postgres: official } = readImagesRecord(paths.root, "images/vps-images.json");
  const pulled = await pullPublic(official.reference, official.digest, progress);
  const tag = pulled === undefined ? "17" : official.tag;
  const local = pulled ?? (await ensureBuilt("postgres", tag, part(progress, 0, buildShare)));
  const image = await publish(local, "postgres", tag, pulled === undefined ? "built" : "pulled", progress);
  writeVpsImages({ postgres: { reference: image.reference, tag, digest: image.digest, date: await dateOf(local) } });
  return image;
}

/** The reverse proxy for the sandbox: the program of images/proxy on Debian, in the place of the official image's files. */
export async function ensureProxy(progress: Progress): Promise<SandboxImage> {
  const local = await ensureBuilt("caddy", caddyVersion, progress, {
    name: "caddy",
    recipe: proxySource,
    share: 0.9,
    make: ensureCaddyBinary,
  });
  const image = await publish(local, "caddy", caddyVersion, "built", progress);
  const { reference, digest } = image;
  writeVpsImages({ proxy: { reference, tag: caddyVersion, digest, date: await dateOf(local), built: "images/proxy" } });
  return image;
}

/** What verifies signatures on hosts and in clusters, made when somebody asks for it: nothing else needs it. */
export async function ensureCosign(progress: Progress): Promise<SandboxImage> {
  const { cosign: official } = readImagesRecord(paths.root, "images/vps-images.json");
  if (official === undefined) throw new Error("images/vps-images.json names no cosign");
  const pulled = await pullPublic(official.reference, official.digest, progress);
  const local =
    pulled ??
    (await ensureBuilt("cosign", official.tag, progress, {
      name: "cosign",
      recipe: builtToolSource("cosign"),
      share: 0.9,
      make: async (tell) => {
        await ensureGateTool("cosign", tell);
        return gateToolPath("cosign");
      },
    }));
  const image = await publish(local, "cosign", official.tag, pulled === undefined ? "built" : "pulled", progress);
  const { reference, tag, digest } = image;
  writeVpsImages({ cosign: { reference, tag, digest, date: await dateOf(local) } });
  return image;
}

/** An image beside Odoo that is ready in the sandbox's registry, and `repository@sha256:…` of it. */
export function preparedImage(name: "postgres" | "proxy"): {
  readonly reference: string;
  readonly digest: string;
  readonly pinned: string;
} {
  const { [name]: image } = readVpsRecord();
  if (image === undefined || !("digest" in image))
    throw new Error(`${vpsImagesRecord} names no ready image of ${name}: npm run sandbox -- up`);
  return { ...image, pinned: `${image.reference}@${image.digest}` };
}

/** Puts new records beside those that are there. */
function writeVpsImages(records: Partial<ImagesRecord>): void {
  writeRecord(vpsImagesRecord, { ...readVpsRecord(), ...records });
}

/** It may lack what is not ready yet. */
function readVpsRecord(): Partial<ImagesRecord> {
  return fs.existsSync(vpsImagesRecord)
    ? (JSON.parse(fs.readFileSync(vpsImagesRecord, "utf8")) as Partial<ImagesRecord>)
    : {};
}

/** Puts the image into the sandbox's registry, unless it is there, and leaves it in the local engine under its digest. */
async function publish(
  local: string,
  name: string,
  tag: string,
  origin: "pulled" | "built",
  progress: Progress,
): Promise<SandboxImage> {
  const reference = `${registryAddress}/library/${name}`;
  const env = { ...process.env, DOCKER_CONFIG: dockerConfig };
  const known = await digestOf(local, reference);
  if (known !== undefined && (await inRegistry(reference, known))) return { reference, tag, digest: known, origin };
  progress(`pushing ${reference}:${tag}`);
  await run("docker", ["tag", local, `${reference}:${tag}`], { what: `naming ${reference}`, limitMs: 30_000 });
  const pushed = await run("docker", ["push", `${reference}:${tag}`], {
    what: `pushing ${reference}:${tag}`,
    quietMs: stuckMs,
    env,
  });
  progress(`pushing ${reference}:${tag}`, 1);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed.stdout)?.[1];
  if (digest === undefined) throw new Error(`docker push did not name the digest of ${reference}:${tag}`);
  return { reference, tag, digest, origin };
}

/** Asks the registry itself: the engine answers a pull by digest from what it has, also when the registry was emptied. */
async function inRegistry(reference: string, digest: string): Promise<boolean> {
  const push = readServers()?.push;
  if (push === undefined) return false;
  const client = new RegistryClient(reference, { username: push.username, password: new Secret(push.password) });
  return (await client.digestOf(digest)) === digest;
}

async function digestOf(image: string, reference: string): Promise<string | undefined> {
  const digests = JSON.parse(await inspect(image, "{{json .RepoDigests}}")) as string[] | null;
  const prefix = `${reference}@`;
  return (digests ?? []).find((digest) => digest.startsWith(prefix))?.slice(prefix.length);
}

async function userOf(image: string): Promise<{ uid: number; gid: number }> {
  const args = [
    "run",
    "--rm",
    "--network",
    "none",
    "--label",
    objectLabel,
    "--entrypoint",
    "sh",
    image,
    "-c",
    "id -u; id -g",
  ];
  const answer = await run("docker", args, { what: `asking ${image} for its user`, limitMs: 60_000 });
  const [uid, gid] = answer.stdout.trim().split("\n").map(Number);
  return { uid: uid ?? Number.NaN, gid: gid ?? Number.NaN };
}

async function dateOf(image: string): Promise<string> {
  return (await inspect(image, "{{.Created}}")).slice(0, 10);
}

async function inspect(image: string, format: string): Promise<string> {
  const answer = await run("docker", ["image", "inspect", "--format", format, image], {
    what: `inspecting ${image}`,
    limitMs: 15_000,
  });
  return answer.stdout.trim();
}

function writeRecord(file: string, record: BaseImage | Partial<ImagesRecord>): void {
  writeFileAtomically(file, `${JSON.stringify(record, undefined, 2)}\n`, 0o644);
}

function wrongUser(image: string, found: string, official: BaseImage): ShipError {
  return new ShipError({
    code: "BASE_IMAGE_INVALID",
    summary: `${image} runs as another user than the record of the base image says`,
    found,
    expected: `${official.uid}:${official.gid}, as in images/odoo/base-image.json`,
    remedy: "correct the record, or rebuild the image",
  });
}
