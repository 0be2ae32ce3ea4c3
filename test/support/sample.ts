/** Whether this is `npm run test:e2e -- --whole`, which tries everything; each usual run leaves minutes to it. */
export const whole = process.env["E2E_WHOLE"] === "1";

/** A test for {@link whole} alone: another one of every run is much like it, or it takes long. */
export function itWhole(title: string, run: () => Promise<void>): void {
  if (whole) it(title, run);
}

/** The same for a group of tests, with its set-up. */
export function describeWhole(title: string, tests: () => void): void {
  if (whole) describe(title, tests);
}

/**
 * Of rows that differ in one value, each a minute's trial: those that are tried in every run, and all of them if {@link whole}.
 * @throws when a row that was chosen is none
 */
export function sample<Row extends string>(rows: readonly Row[], chosen: readonly NoInfer<Row>[]): readonly Row[] {
  const lost = chosen.filter((row) => !rows.includes(row));
  if (lost.length > 0) throw new Error(`not among the rows: ${lost.join(", ")}`);
  return whole ? rows : chosen;
}
