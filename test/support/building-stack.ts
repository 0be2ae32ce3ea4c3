import * as fs from "node:fs";
import * as path from "node:path";

import { RegistryClient } from "../../components/registry/client";
import { Secret } from "../../components/shared/secret";
import { paths } from "../../sandbox/config";
import type { ServersFile } from "../../sandbox/servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";

const name = "sandbox/trial";
/** Where these stacks push to. */
export const trialRepository = `127.0.0.1:5055/${name}`;
export const trialManifest = '{"name": "Trial", "version": "1.0.0", "license": "LGPL-3", "depends": ["base"]}';

/** A stack of its own that builds images in the sandbox, of one module, and deploys them nowhere. */
export async function buildingStack(servers: ServersFile, config: Record<string, unknown> = {}): Promise<TestStack> {
  const made = new TestStack(servers, {
    "registry:repository": name,
    "registry:ownership": "adopt",
    "image:baseRecord": ".sandbox/base-image.json",
    "image:caFile": ".sandbox/ca.crt",
    "vps:imagesRecord": ".sandbox/vps-images.json",
    ...config,
  });
  for (const file of ["base-image.json", "ca.crt", "vps-images.json"]) {
    made.write(`.sandbox/${file}`, fs.readFileSync(path.join(paths.state, file), "utf8"));
  }
  made.write("README.md", "text\n");
  made.write("addons/trial/__manifest__.py", trialManifest);
  made.write("addons/trial/__init__.py", `started = "${process.pid}"\n`);
  made.commit("first");
  await made.init();
  return made;
}

export function trialRegistry(servers: ServersFile): RegistryClient {
  return new RegistryClient(trialRepository, { username: "push", password: new Secret(servers.push.password) });
}
