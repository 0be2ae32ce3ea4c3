import assert from "node:assert/strict";

import type { ServersFile } from "../../sandbox/servers";
import { readServers } from "../../sandbox/servers-control";
import { npm } from "./npm";

/** Answers the sandbox's servers; `npm start` first, unless they run. */
export async function runningSandbox(): Promise<ServersFile> {
  if (readServers() === undefined) {
    const { status, output } = await npm(["start"]);
    assert.equal(status, 0, output);
  }
  const servers = readServers();
  assert.ok(servers !== undefined, "npm start ended without the sandbox's servers");
  return servers;
}
