import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import { taggingLogin } from "../components/release/tag-order";
import type { GateTools } from "./gate";
import { type Ended, run } from "./programs";
import { inTemporaryFolder } from "./temporary";

/** What a container of an image that is tried may do: as in production, and without a network unless it is added. */
export const hardened = [
  "--rm",
  "--init",
  "--read-only",
  "--tmpfs=/tmp",
  "--tmpfs=/run:mode=1777",
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges",
  "--memory=2g",
  "--pids-limit=512",
] as const;

const minuteMs = 60_000;

/** What a Docker command gets beside its arguments, which everybody on the machine can read. */
export interface DockerInput {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Runs the Docker command line. */
export function docker(args: readonly string[], limitMs: number, more: DockerInput = {}): Promise<Ended> {
  return run("docker", args, optionsOf(limitMs, more));
}

/** The same, with what it says on standard error among its output: the whole log of a container. */
export function dockerLog(args: readonly string[], limitMs: number, more: DockerInput = {}): Promise<Ended> {
  return run("sh", ["-c", 'exec docker "$@" 2>&1', "docker", ...args], optionsOf(limitMs, more));
}

function optionsOf(limitMs: number, { env, input }: DockerInput) {
  return { limitMs, ...(env && { env: { ...process.env, ...env } }), ...(input !== undefined && { input }) };
}

/** An image that is to be tried, and the stack whose desk has the login of `registry`. */
export interface WantedImage {
  /** `project/stack` */
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
  /** Host that is told the login. @default the image's own */
  readonly registry?: string;
}

/**
 * Has Docker hold the image, which another machine may have built.
 * @throws ShipError TOOL_MISSING, NETWORK_FAILURE
 */
export async function pulled(order: WantedImage, tools: Pick<GateTools, "say">): Promise<void> {
  const { image } = order;
  const known = await docker(["image", "inspect", "--format", "{{.Id}}", image], minuteMs);
  if (known.status === 0) return;
  tools.say(`pulls ${image}`);
  const { status, tail } = await withLogin(order, (env) => docker(["pull", "--quiet", image], 20 * minuteMs, { env }));
  if (status === 0) return;
  const noEngine = /cannot connect to the docker daemon|ENOENT/i.test(`${tail} ${known.tail}`);
  throw new ShipError({
    code: noEngine ? "TOOL_MISSING" : "NETWORK_FAILURE",
    summary: noEngine ? "there is no Docker that could try the image" : "the image could not be pulled to be tried",
    found: tail || known.tail,
    expected: `that docker pull ${image} works`,
    remedy: noEngine ? "start Docker, then run the update again" : "run the update again once the registry answers",
  });
}

/** Host of a reference, which names its registry. */
export function hostOf(image: string): string {
  return image.split("/", 1)[0] ?? "";
}

/**
 * Calls with a Docker configuration that has the registry's login, for as long as that takes. Another registry is asked
 * with what this machine's own Docker knows: it is told no login of the stack.
 */
export async function withLogin<T>(
  { stack, image, registry = hostOf(image) }: WantedImage,
  call: (env: { readonly DOCKER_CONFIG?: string }) => Promise<T>,
): Promise<T> {
  const host = hostOf(image);
  if (host !== registry) return call({});
  const { username, password } = await taggingLogin({ stack });
  return inTemporaryFolder((folder) => {
    const auth = Buffer.from(`${username}:${password.reveal()}`).toString("base64");
    const config = username === "" ? {} : { auths: { [host]: { auth } } };
    fs.writeFileSync(path.join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
    return call({ DOCKER_CONFIG: folder });
  });
}
