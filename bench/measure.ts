import * as os from "node:os";

/** Figures of both sides of a comparison: one for each repetition. */
export interface Pair {
  readonly ours: readonly number[];
  readonly yardstick: readonly number[];
}

/** Seconds that `body` takes. */
export async function seconds(body: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await body();
  return (performance.now() - begun) / 1000;
}

/** Seconds that the machine's cores were busy while `body` ran, whoever had them, and seconds that they had. */
export async function processorSeconds(
  body: () => Promise<unknown>,
): Promise<{ readonly busy: number; readonly had: number }> {
  const before = allCores();
  await body();
  const after = allCores();
  return { busy: (after.busy - before.busy) / 1000, had: (after.had - before.had) / 1000 };
}

/** Milliseconds since the machine started. */
function allCores(): { readonly busy: number; readonly had: number } {
  const times = os.cpus().map((core) => core.times);
  const had = times.flatMap((one) => Object.values(one)).reduce((sum, each) => sum + each, 0);
  return { busy: had - times.reduce((sum, { idle }) => sum + idle, 0), had };
}

/**
 * Measures both sides in turn, `times` times; each goes first every other time. So the machine's other work falls on
 * both, and so does what one run warms up for the next.
 */
export async function interleave(
  times: number,
  ours: (round: number) => Promise<number>,
  yardstick: (round: number) => Promise<number>,
): Promise<Pair> {
  const figures = { ours: [] as number[], yardstick: [] as number[] };
  for (let round = 0; round < times; round += 1) {
    const oursTurn = async () => void figures.ours.push(await ours(round));
    const yardstickTurn = async () => void figures.yardstick.push(await yardstick(round));
    for (const turn of round % 2 === 0 ? [oursTurn, yardstickTurn] : [yardstickTurn, oursTurn]) await turn();
  }
  return figures;
}

/** The middle figure; of an even number, the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}
