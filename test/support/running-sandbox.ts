import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../sandbox/config";
import type { ServersFile } from "../../sandbox/servers";
import { readServers } from "../../sandbox/servers-control";
import { npm } from "./npm";

/** Answers the sandbox's servers; `npm start` first, unless they run. */
export async function runningSandbox(): Promise<ServersFile> {
  if (readServers() === undefined) {
    refuseForeignState(paths);
    const { status, output } = await npm(["start"]);
    assert.equal(status, 0, output);
  }
  const servers = readServers();
  assert.ok(servers !== undefined, "npm start ended without the sandbox's servers");
  return servers;
}

/**
 * Throws where the state belongs to another checkout: a start from here would put this tree's stack, images and
 * machines in the place of those that somebody works with there.
 */
export function refuseForeignState({ root, state }: { readonly root: string; readonly state: string }): void {
  const owner = checkoutAbove(state);
  if (owner === undefined || owner === fs.realpathSync(root)) return;
  throw new Error(
    `SANDBOX_STATE_DIR is ${state}, the state of the checkout ${owner}, whose sandbox does not run; expected: a ` +
      "sandbox that runs there, or a state of this checkout's own. Run npm start there, or take the variable away.",
  );
}

/** The checkout that has this folder, which need not be there yet, in it; undefined if none has. */
function checkoutAbove(folder: string): string | undefined {
  for (let at = path.resolve(folder); at !== path.dirname(at); at = path.dirname(at)) {
    const real = fs.existsSync(at) ? fs.realpathSync(at) : at;
    // A link may lead from anywhere into a checkout.
    if (real !== at) return checkoutAbove(real);
    if (fs.existsSync(path.join(at, "sandbox", "config.ts"))) return at;
  }
  return undefined;
}
