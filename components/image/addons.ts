import * as path from "node:path";

import { type ErrorCode, ShipError } from "../shared/errors";
import { ask } from "../shared/ask";
import { baseModules } from "./base-modules";

/** A module that the check found, as its manifest describes it. */
export interface AddonModule {
  readonly name: string;
  /** Folder of the module, relative to the project. */
  readonly path: string;
  readonly version: string;
}

interface Finding {
  readonly code: ErrorCode;
  readonly severity: "error" | "warning";
  readonly module: string | null;
  readonly path: string;
  readonly line: number | null;
  readonly message: string;
  readonly remedy: string;
}

export interface AddonCheckOptions {
  readonly directories: readonly string[];
  /**
   * Folders of which only what is required, or needed by another module, has to be right: of the rest, what could not
   * be used is left out.
   */
  readonly optional: readonly string[];
  /** Whether the build fetches other modules: that one is missing here is no error then. */
  readonly elsewhere?: boolean;
  /** Python packages of the image, as pip's requirements: those of OCA bring modules. */
  readonly packages: readonly string[];
  readonly series: string;
  /** Modules that must be there. */
  readonly required: readonly string[];
  /**
   * Image by digest that has the standard modules. Used only if it is known or Docker has it already: the check of a
   * preview pulls nothing.
   */
  readonly base: string;
}

export interface AddonCheck {
  readonly modules: readonly AddonModule[];
  /** One sentence per finding that does not stop a build. */
  readonly warnings: readonly string[];
}

const limitMs = 120_000;

/**
 * Runs images/odoo/addons_check.py over the addon directories.
 * @throws ShipError with the first finding's code and every finding in the message; TOOL_MISSING without Python 3.10
 */
export async function checkAddons(root: string, options: AddonCheckOptions): Promise<AddonCheck> {
  const known = await baseModules(root, options.base);
  const base = known === undefined ? [] : ["--base", known];
  const required = options.required.length > 0 ? ["--require", ...options.required] : [];
  const packages = options.packages.flatMap((name) => ["--package", name]);
  const optional = options.optional.flatMap((folder) => ["--optional", folder]);
  const script = path.join("images", "odoo", "addons_check.py");
  const flags = [
    "--json",
    "--series",
    options.series,
    "--python",
    options.base,
    "--cache",
    path.join(".build", "addons-check"),
    ...base,
    ...(options.elsewhere === true ? ["--elsewhere"] : []),
    ...packages,
    ...optional,
    ...required,
  ];
  const args = [script, ...flags, "--", ...options.directories];
  const check = await ask("python3", args, root, limitMs);
  const report = check.status === 0 || check.status === 1 ? parseReport(check.stdout) : undefined;
  if (report === undefined) {
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: "the addon check did not run",
      found: check.problem ?? (check.stderr.trim() || `exit status ${check.status}`),
      expected: `python3, 3.10 or newer, on the PATH, done within ${limitMs / 1000} s`,
      remedy: "install Python 3.10 or newer, then run the same command again",
    });
  }
  const errors = report.findings.filter((finding) => finding.severity === "error");
  const [first] = errors;
  if (first !== undefined) {
    throw new ShipError({
      code: first.code,
      summary:
        `the addon check has ${errors.length} finding${errors.length === 1 ? "" : "s"}; nothing was built ` +
        "or pushed",
      found: errors.map(describe).join("\n"),
      expected: "modules that Odoo Community can install",
      remedy: [...new Set(errors.map((finding) => finding.remedy))].join("\n"),
    });
  }
  // Without the base image nobody knows whether Odoo itself has a module, and what repositories have that are yet to be
  // fetched: the same check inside the build says so.
  const warnings = report.findings.filter((finding) => finding.code !== "MISSING_ADDONS").map(describe);
  return { modules: report.modules, warnings };
}

/** Undefined if the text is no report. A Python that is too old ends with the same status as a check with findings. */
function parseReport(text: string): { modules: AddonModule[]; findings: Finding[] } | undefined {
  try {
    return JSON.parse(text) as { modules: AddonModule[]; findings: Finding[] };
  } catch {
    return undefined;
  }
}

function describe(finding: Finding): string {
  const place = finding.line === null ? finding.path : `${finding.path}:${finding.line}`;
  return `${finding.code} ${place}: ${finding.message}`;
}
