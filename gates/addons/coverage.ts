import * as fs from "node:fs";
import * as path from "node:path";

import { zipSync } from "fflate";

import { ShipError } from "../../components/shared/errors";
import { run } from "../programs";

const minuteMs = 60_000;

/**
 * Packs coverage.py for a container: its Python alone, which runs with every Python that an image has. It goes in by
 * standard input, so the image that is tried is the one that is released, and nothing of this machine is mounted.
 * @param program path of the installed `coverage`
 * @returns base64 of a zip
 * @throws ShipError TOOL_MISSING
 */
export async function packedCoverage(program: string): Promise<string> {
  const { stdout, tail } = await run(program, ["debug", "sys"], { limitMs: minuteMs });
  const [, file = ""] = /^\s*coverage_module: (.+)$/m.exec(stdout) ?? [];
  const folder = path.dirname(file);
  const names = fs.existsSync(file) ? fs.readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  const sources = names.filter((name) => name.endsWith(".py"));
  if (sources.length === 0) {
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: "coverage.py does not say where its files are",
      found: tail,
      expected: "a line coverage_module of coverage debug sys",
      remedy: "npm run gates:tools, then run the update again",
    });
  }
  const files = sources.map((name) => [`coverage/${name}`, fs.readFileSync(path.join(folder, name))] as const);
  return Buffer.from(zipSync(Object.fromEntries(files))).toString("base64");
}

/** What tests reach of the addons, by module: [lines reached, all lines]. */
export type Lines = Readonly<Record<string, readonly [reached: number, all: number]>>;

/** Percent of all lines, rounded down to a tenth; undefined if there are none. */
export function percentOf(lines: readonly (readonly [number, number])[]): number | undefined {
  const [reached, all] = lines.reduce<[number, number]>(([a, b], [one, of]) => [a + one, b + of], [0, 0]);
  return all === 0 ? undefined : Math.floor((1000 * reached) / all) / 10;
}

/** One sentence for each module, the least tested first. */
export function describeLines(lines: Lines): string[] {
  return Object.entries(lines)
    .map(([name, [reached, all]]) => ({
      text: `${name}: ${reached} of ${all} lines`,
      share: reached / Math.max(all, 1),
    }))
    .sort((a, b) => a.share - b.share)
    .map(({ text }) => text);
}
