import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { readVpsImages } from "../../components/odoo/companion-images";
import { paths } from "../../sandbox/config";
import { sandboxEnvironment } from "../../sandbox/environment";
import { baseRecord, vpsImagesRecord } from "../../sandbox/images/base";
import { sleep } from "../../sandbox/process";
import { readServers } from "../../sandbox/servers-control";
import { runningSandbox } from "./running-sandbox";

/** With this, the sandbox takes containers and networks away that an interrupted run has left. */
export const label = ["--label", "odoo.sandbox=1"];
/** How the proxy runs on a host: with no right but the one to the ports below 1024. */
export const asProxy = [
  ...["--read-only", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE", "--security-opt", "no-new-privileges:true"],
  ...["--user", "1000:1000", "--sysctl", "net.ipv4.ip_unprivileged_port_start=0"],
];
const limitMs = 300_000;

/** Runs Docker's command line to its end; answers what it prints. */
export function docker(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("docker", args, {
    env: sandboxEnvironment(readServers()),
    encoding: "utf8",
    timeout: limitMs,
  });
  assert.equal(status, 0, `docker ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** Removes what is there of these, also if an interrupted run has left it. */
export function removeContainers(containers: readonly string[], network: string): void {
  for (const container of containers) spawnSync("docker", ["rm", "--force", "--volumes", container]);
  spawnSync("docker", ["network", "rm", network]);
}

/** The sandbox's proxy, and an image with Python for what stands around it. Starts the sandbox if it does not run. */
export async function proxyImages(): Promise<{ readonly proxy: string; readonly python: string }> {
  await runningSandbox();
  const { proxy } = readVpsImages(paths.root, path.relative(paths.root, vpsImagesRecord));
  const { reference, digest } = JSON.parse(fs.readFileSync(baseRecord, "utf8")) as {
    reference: string;
    digest: string;
  };
  return { proxy, python: `${reference}@${digest}` };
}

/** The certificate of Caddy's own authority in a container, PEM. */
export function localAuthority(container: string): string {
  return docker("exec", container, "cat", "/data/caddy/pki/authorities/local/root.crt");
}

/** What a container has written. */
export function log(container: string): string {
  const { stdout, stderr } = spawnSync("docker", ["logs", container], { encoding: "utf8" });
  return stdout + stderr;
}

/** Tries until it succeeds. */
export async function until<T>(what: string, attempt: () => T | Promise<T>): Promise<T> {
  const begun = Date.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() - begun > limitMs)
        throw new Error(`${what} did not come within ${limitMs / 1000} s`, { cause: error });
      await sleep(500);
    }
  }
}
