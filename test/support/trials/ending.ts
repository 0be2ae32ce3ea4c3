import type { HostRequest } from "../../../components/vps/request";
import { until } from "../../../sandbox/process";
import type { TrialMachine } from "./machine";
import { type Status, statusOf } from "./requests";

const limitMs = 15 * 60_000;

/** How a request to a host ended. */
export interface Ending extends Pick<Status, "error" | "warnings"> {
  readonly state: string;
  readonly seconds: number;
  /** Steps that were seen, in their order. */
  readonly steps: readonly string[];
}

/** Waits for the end of a request that was sent to the machine. */
export async function endingOf(machine: TrialMachine, request: HostRequest, begun: number): Promise<Ending> {
  const steps: string[] = [];
  let status: Status | undefined;
  const ended = async () => {
    status = await statusOf(machine, request);
    if (typeof status?.step === "string" && !steps.includes(status.step)) steps.push(status.step);
    return status?.state === "succeeded" || status?.state === "failed";
  };
  // Each look starts processes on a machine whose processors the release needs.
  if (!(await until(ended, limitMs, 700)))
    throw new Error(`the request did not end within ${limitMs / 1000} s:\n${await machine.story()}`);
  const seconds = (Date.now() - begun) / 1000;
  return {
    state: status?.state ?? "",
    error: status?.error ?? null,
    warnings: status?.warnings ?? [],
    seconds,
    steps,
  };
}
