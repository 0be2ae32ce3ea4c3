import type { HostRequest } from "../../../components/vps/request";
import { until } from "../../../sandbox/process";
import type { TrialMachine } from "./machine";
import { type Status, statusOf } from "./requests";

const limitMs = 15 * 60_000;

/** How a request to a host ended. */
export interface Ending extends Pick<Status, "error" | "warnings"> {
  readonly state: string;
  readonly seconds: number;
}

/** Waits for the end of a request that was sent to the machine. */
export async function endingOf(machine: TrialMachine, request: HostRequest, begun: number): Promise<Ending> {
  let status: Status | undefined;
  const ended = async () => {
    status = await statusOf(machine, request);
    return status?.state === "succeeded" || status?.state === "failed";
  };
  // Each look starts processes on a machine whose processors the release needs: a third of a second of one.
  if (!(await until(ended, limitMs, 2000)))
    throw new Error(`the request did not end within ${limitMs / 1000} s:\n${await machine.story()}`);
  const seconds = (Date.now() - begun) / 1000;
  return {
    state: status?.state ?? "",
    error: status?.error ?? null,
    warnings: status?.warnings ?? [],
    seconds,
  };
}
