/**
 * Of rows that differ in one value, each a minute's trial: those that are tried in every run. `npm run test:e2e -- --whole` tries all of them.
 * @throws when a row that was chosen is none
 */
export function sample<Row extends string>(rows: readonly Row[], chosen: readonly NoInfer<Row>[]): readonly Row[] {
  const lost = chosen.filter((row) => !rows.includes(row));
  if (lost.length > 0) throw new Error(`not among the rows: ${lost.join(", ")}`);
  return process.env["E2E_WHOLE"] === "1" ? rows : chosen;
}
