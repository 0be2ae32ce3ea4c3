import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import { taggingLogin } from "../components/release/tag-order";
import type { GateTools } from "./gate";
import { type Ended, run } from "./programs";

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

/** Runs the Docker command line. */
export function docker(args: readonly string[], limitMs: number, env?: NodeJS.ProcessEnv): Promise<Ended> {
  return run("docker", args, { limitMs, ...(env && { env: { ...process.env, ...env } }) });
}

/**
 * Has Docker hold the image, which another machine may have built.
 * @throws ShipError TOOL_MISSING, NETWORK_FAILURE
 */
export async function pulled(order: { stack: string; image: string }, tools: Pick<GateTools, "say">): Promise<void> {
  const { image } = order;
  const known = await docker(["image", "inspect", "--format", "{{.Id}}", image], minuteMs);
  if (known.status === 0) return;
  tools.say(`pulls ${image}`);
  const { status, tail } = await withLogin(order, (env) => docker(["pull", "--quiet", image], 20 * minuteMs, env));
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

/** Calls with a Docker configuration that has the registry's login, for as long as that takes. */
export async function withLogin<T>(
  { stack, image }: { stack: string; image: string },
  call: (env: { readonly DOCKER_CONFIG: string }) => Promise<T>,
): Promise<T> {
  const { username, password } = await taggingLogin({ stack });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gate-"));
  try {
    const auth = Buffer.from(`${username}:${password.reveal()}`).toString("base64");
    const [host = ""] = image.split("/", 1);
    const config = username === "" ? {} : { auths: { [host]: { auth } } };
    fs.writeFileSync(path.join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
    return await call({ DOCKER_CONFIG: folder });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
