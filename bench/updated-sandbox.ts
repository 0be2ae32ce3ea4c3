import { runSteps } from "../sandbox/progress";
import type { ServersFile } from "../sandbox/servers";
import { prepareStack, updateStack } from "../sandbox/stack";
import { hostSteps } from "../sandbox/steps";
import { runningSandbox } from "../test/support/running-sandbox";

/**
 * The sandbox with its stack, which has the registry, as `npm start` leaves it. A benchmark cannot start that: both
 * keep others from the sandbox meanwhile.
 */
export async function updatedSandbox(say: (line: string) => void): Promise<ServersFile> {
  await runSteps(hostSteps(), say);
  const servers = await runningSandbox();
  await prepareStack({ servers }, say);
  await updateStack({ servers });
  return servers;
}
