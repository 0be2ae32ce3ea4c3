import * as fs from "node:fs";
import * as path from "node:path";

import { parse } from "yaml";
import { z } from "zod";

import type { Exception } from "../../gates/vulnerabilities";
import { ShipError } from "../shared/errors";

/** Days ahead that an exception may last: then somebody has to look again. */
const mostDays = 90;
const dayMs = 24 * 3_600_000;

const entry = z.strictObject({
  vulnerability: z.string().regex(/^[A-Z][\w.-]{3,60}$/, "is not an identifier such as CVE-2026-1234"),
  package: z.string().regex(/^[\w@][\w.+@/:-]*$/, "is not the name of a package"),
  reason: z.string().trim().min(10, "says too little: somebody else has to understand it"),
  // YAML has dates of its own; this library leaves them as text.
  expires: z.iso.date("is not a date such as 2026-01-31"),
});
const file = z.array(entry);

/**
 * Reads the exceptions of the gates `scan` and `tests`. One that has expired is no mistake in the file: the gate goes
 * on without it, so that no update of an unchanged image fails for it.
 * @param name path in the project; empty for none
 * @throws ShipError SETTINGS_INVALID with all that is wrong
 */
export function readExceptions(root: string, name: string, now = new Date()): Exception[] {
  if (name === "") return [];
  let content: unknown;
  try {
    content = parse(fs.readFileSync(path.join(root, name), "utf8"));
  } catch (error) {
    throw invalid(name, [error instanceof Error ? error.message : String(error)]);
  }
  const read = file.safeParse(content ?? []);
  if (!read.success) {
    throw invalid(
      name,
      read.error.issues.map(({ path: [index, key], message }) => {
        const where = index === undefined ? "the file" : `entry ${Number(index) + 1}`;
        return `${where}: ${key === undefined ? "" : `${String(key)}: `}${message}`;
      }),
    );
  }
  const last = new Date(now.getTime() + mostDays * dayMs).toISOString().slice(0, 10);
  const problems = read.data.flatMap(({ vulnerability, package: of, expires }, index) => {
    const same = (other: (typeof read.data)[number]) => other.vulnerability === vulnerability && other.package === of;
    return [
      ...(expires > last ? [`entry ${index + 1}: expires: ${expires} is more than ${mostDays} days ahead`] : []),
      ...(read.data.findIndex(same) < index
        ? [`entry ${index + 1}: ${vulnerability} in ${of} stands there twice`]
        : []),
    ];
  });
  if (problems.length > 0) throw invalid(name, problems);
  return read.data.map(({ vulnerability, package: of, reason, expires }) => ({
    ...{ id: vulnerability, package: of, reason, expires },
  }));
}

function invalid(name: string, problems: readonly string[]): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: `the exceptions in ${name} cannot be used`,
    found: problems.join("\n"),
    expected: `a list; each entry has vulnerability, package, reason, and expires within ${mostDays} days`,
    remedy: "correct the file that gates:exceptions names: docs/vulnerabilities.md has an example",
  });
}
