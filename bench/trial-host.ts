import * as path from "node:path";

import { paths } from "../sandbox/config";
import type { Endpoint } from "../test/support/endpoint";
import { Trial } from "../test/support/trials/host-trial";
import { type Report, table, writeReport } from "./report";
import { updatedSandbox } from "./updated-sandbox";

/** Where a plain container of Odoo answers, on the host. */
export const plainPort = 8079;

const reportFile = path.join(paths.root, "docs", "benchmarks.md");

/** Measures on a host of the harness's own with a populated database, and writes the benchmark's part of the report. */
export async function reportOnHost(
  name: string,
  text: string,
  measure: (trial: Trial, say: (line: string) => void) => Promise<Pick<Report, "facts" | "rows">>,
): Promise<void> {
  const say = (line: string): void => console.log(line);
  await updatedSandbox(say);
  say("a host with a populated database, of the harness's own");
  const trial = await Trial.open();
  try {
    const measured = await measure(trial, say);
    say(`\n${table(measured.rows)}\n`);
    writeReport(reportFile, { name, text, ...measured });
    say(`written to ${path.relative(process.cwd(), reportFile)}`);
  } finally {
    await trial.close();
  }
}

/** Whether the login page comes. */
export async function answers(endpoint: Endpoint, limitMs?: number): Promise<boolean> {
  return (await met(endpoint, limitMs)).open;
}

/** Whether the login page answers, or else somebody who says when to come back. */
export async function met(
  endpoint: Endpoint,
  limitMs?: number,
): Promise<{ readonly open: boolean; readonly refused: boolean }> {
  try {
    const options = limitMs === undefined ? {} : { limitMs };
    const { status, headers } = await endpoint.request("GET", "/web/login", options);
    return { open: status === 200, refused: status === 503 && headers["retry-after"] !== undefined };
  } catch {
    return { open: false, refused: false };
  }
}

/** Steps of the host's last release, each with the seconds that it took. */
export async function stepsOf({ machine }: Trial): Promise<readonly (readonly [step: string, taken: number])[]> {
  return Object.entries(await machine.steps()).map(([step, [begun, ended = begun]]) => [step, ended - begun]);
}
