import type { GateReport } from "./schema";

/** Facts of gates as lines, since a fact is a number, a text or a list of texts; and how the report has them. */

/** `name version hash` */
export function moduleFact(name: string, { version, hash }: { version: string; hash: string }): string {
  return [name, version || "-", hash].join(" ");
}

/** Reads lines of {@link moduleFact}; any other is left out. */
export function modulesIn(lines: readonly string[]): NonNullable<GateReport["modules"]> {
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [name, version, hash, ...more] = line.split(" ");
      if (name === undefined || version === undefined || hash === undefined || more.length > 0) return [];
      return [[name, { version, hash }]];
    }),
  );
}

/** `bytes instruction` */
export function layerFact({ bytes, by }: { bytes: number; by: string }): string {
  return `${bytes} ${by}`;
}

/** Reads lines of {@link layerFact}; any other is left out. */
export function layersIn(lines: readonly string[]): NonNullable<GateReport["layers"]> {
  return lines.flatMap((line) => {
    const [, bytes = "", by = ""] = /^(\d+) (.*)$/s.exec(line) ?? [];
    return bytes === "" ? [] : [{ bytes: Number(bytes), by }];
  });
}
