import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { vpsImagesRecord } from "../../../sandbox/images/base";
import type { ServersFile } from "../../../sandbox/servers";
import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { ledger, notes } from "./addons";
import type { Trial } from "./host-trial";
import type { TrialMachine } from "./machine";
import { repositoryOf } from "./releases";
import { domain } from "./requests";

const keys = "/root/.ssh/authorized_keys";

/** Settings of a stack that adopts a machine, by root's login. */
export async function adopting(machine: TrialMachine): Promise<Record<string, unknown>> {
  return {
    "vps:mode": "adopt",
    "vps:domain": domain,
    "vps:tls": "internal",
    "vps:host": machine.host,
    "vps:user": "root",
    "vps:hostKey": await machine.hostKey(),
    "vps:memoryMiB": 4096,
    "vps:cpus": 2,
  };
}

/** A stack that adopts the trial's host, with settings as those of its own requests. `close` takes its login away. */
export async function trialStack(
  trial: Trial,
  servers: ServersFile,
): Promise<{ readonly stack: TestStack; close(): Promise<void> }> {
  const key = sshKeyPair();
  const { machine, live } = trial;
  await machine.sh(
    `install -d -m 700 /root/.ssh; touch ${keys}; cp -p ${keys} ${keys}.before; cat >> ${keys}`,
    key.publicKey,
  );
  const stack = new TestStack(servers, {
    "odoo:modules": ["release_info", ledger, notes],
    "registry:repository": repositoryOf(live.image),
    "registry:ownership": "adopt",
    ...(await adopting(machine)),
    "vps:imagesRecord": ".sandbox/vps-images.json",
    "release:rehearse": false,
    "release:keepPoints": 3,
  });
  stack.write(".sandbox/vps-images.json", fs.readFileSync(path.resolve(paths.root, vpsImagesRecord), "utf8"));
  stack.setVariable("VPS_SSH_PRIVATE_KEY", key.privateKey);
  await stack.init();
  const close = async () => {
    stack.remove();
    await machine.sh(`mv ${keys}.before ${keys}`);
  };
  return { stack, close };
}
