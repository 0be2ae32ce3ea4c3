import type { Progress } from "./tools/cache";

/** One numbered step of a run. */
export interface Step {
  readonly title: string;
  /** How long it takes here when nothing is prepared yet, and when all is; for the estimate only. Seconds. */
  readonly typicalSeconds: number;
  run(progress: Progress): Promise<void>;
}

interface Timing {
  readonly title: string;
  readonly seconds: number;
}

const heartbeatMs = 15_000;

/**
 * Runs groups of steps in their order; the steps of one group run at the same time. Each step says what it does, at least every
 * 15 seconds, with the time since the start and an estimate of what is left.
 * @returns the time of each step.
 */
export async function runSteps(groups: readonly (readonly Step[])[], print: (line: string) => void): Promise<readonly Timing[]> {
  const start = Date.now();
  const total = groups.flat().length;
  const timings: Timing[] = [];
  let number = 0;
  for (const [index, group] of groups.entries()) {
    const later = groups.slice(index + 1).reduce((sum, next) => sum + longest(next), 0);
    const begun = Date.now();
    const left = () => later + Math.max(0, longest(group) - secondsSince(begun));
    const outcomes = await Promise.allSettled(
      group.map(async (step) => {
        number += 1;
        const prefix = `[${number}/${total}] ${step.title}`;
        return runStep(step, prefix, start, left, print);
      }),
    );
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    for (const outcome of outcomes) if (outcome.status === "fulfilled") timings.push(outcome.value);
  }
  return timings;
}

/** The times as a table, for the end of a run. */
export function timesTable(timings: readonly Timing[]): string {
  const width = Math.max(...timings.map(({ title }) => title.length));
  return timings.map(({ title, seconds }) => `  ${title.padEnd(width)}  ${duration(seconds).padStart(8)}`).join("\n");
}

/** `75` as `1 min 15 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

async function runStep(step: Step, prefix: string, start: number, left: () => number, print: (line: string) => void): Promise<Timing> {
  const begun = Date.now();
  let doing = "";
  const say = (message: string) => print(`${prefix}: ${message} (${duration(secondsSince(start))} so far, ${estimate(left())})`);
  const heartbeat = setInterval(() => say(doing === "" ? "working" : `still ${doing}`), heartbeatMs);
  try {
    print(prefix);
    await step.run((message) => {
      doing = message;
      say(message);
      heartbeat.refresh();
    });
  } finally {
    clearInterval(heartbeat);
  }
  const seconds = secondsSince(begun);
  print(`${prefix}: done in ${duration(seconds)}`);
  return { title: step.title, seconds };
}

function estimate(seconds: number): string {
  return seconds < 5 ? "nearly done" : `about ${duration(seconds)} left`;
}

function longest(group: readonly Step[]): number {
  return Math.max(0, ...group.map((step) => step.typicalSeconds));
}

function secondsSince(time: number): number {
  return (Date.now() - time) / 1000;
}
