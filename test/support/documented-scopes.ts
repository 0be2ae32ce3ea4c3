import * as fs from "node:fs";
import * as path from "node:path";

const file = path.join(__dirname, "..", "..", "docs", "token-scopes.md");

interface Row {
  /** To make it, and for each update. */
  readonly make: readonly string[];
  /** To change or remove it, beside those. */
  readonly change: readonly string[];
}

/** What docs/token-scopes.md says, by what a stack has. */
export const documentedScopes: ReadonlyMap<string, Row> = new Map(
  fs
    .readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) => {
      const [, name = "", make = "", change = ""] = line.split("|").map((cell) => cell.trim());
      const scopes = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
      return [name, { make: scopes(make), change: scopes(change) }] as const;
    }),
);

/** All that a token for a stack with these needs. */
export function scopesFor(...stack: readonly string[]): string[] {
  const rows = stack.map((name) => {
    const row = documentedScopes.get(name);
    if (row === undefined) throw new Error(`docs/token-scopes.md has no row "${name}"`);
    return row;
  });
  return [...new Set(rows.flatMap(({ make, change }) => [...make, ...change]))];
}
