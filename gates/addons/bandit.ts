import * as fs from "node:fs";

import { ShipError } from "../../components/shared/errors";
import type { GateTools } from "../gate";
import { run } from "../programs";

interface Report {
  readonly errors: readonly { readonly filename: string; readonly reason: string }[];
  readonly results: readonly {
    readonly filename: string;
    readonly line_number: number;
    readonly test_id: string;
    readonly issue_severity: string;
    readonly issue_text: string;
  }[];
}

const limitMs = 5 * 60_000;

/**
 * Reads the Python of addons for what is known to be dangerous. A finding of the severity HIGH stops the release; a
 * line is excepted by `# nosec`, its number and a reason.
 * @param folders of the modules, as they are baked
 * @returns findings of lower severity, one sentence each
 * @throws ShipError SECURITY_VULN, TOOL_MISSING
 */
export async function bandit(folders: readonly string[], tools: GateTools): Promise<string[]> {
  const program = await tools.find("bandit");
  if (program === undefined || folders.length === 0) return [];
  tools.say("bandit");
  const args = ["--recursive", "--format", "json", "--severity-level", "medium", "--quiet", ...folders];
  const { status, stdout, tail } = await run(program, args, { cwd: tools.root, limitMs });
  const report = parse(stdout);
  // What broke ends as one with findings does, and without a report.
  if (report === undefined || (status !== 0 && status !== 1)) {
    tools.cannotCheck(unread(tail || `bandit ended with ${String(status)}`));
    return [];
  }
  // It passes files that it cannot read.
  if (report.errors.length > 0) {
    tools.cannotCheck(unread(report.errors.map(({ filename, reason }) => `${filename}: ${reason}`).join("\n")));
  }
  const words = (severe: boolean) =>
    report.results
      .filter(({ issue_severity }) => (issue_severity === "HIGH") === severe)
      .map(({ filename, line_number, test_id, issue_text }) => `${filename}:${line_number}: ${test_id} ${issue_text}`);
  const severe = words(true);
  if (severe.length > 0) {
    throw new ShipError({
      code: "SECURITY_VULN",
      summary: "bandit has findings of high severity in the addons",
      found: severe.join("\n"),
      expected: "none",
      remedy: "mend these lines; one that is safe has a comment # nosec, its number and the reason",
    });
  }
  return words(false);
}

function unread(found: string): ShipError {
  return new ShipError({
    code: "SECURITY_VULN",
    summary: "bandit could not read all of the addons",
    found,
    expected: "Python that the bandit of this machine can read",
    remedy: "mend the file, or run the update where Python is no older than the image's",
  });
}

function parse(text: string): Report | undefined {
  try {
    const report = JSON.parse(text) as Partial<Report>;
    return Array.isArray(report.errors) && Array.isArray(report.results) ? (report as Report) : undefined;
  } catch {
    return undefined;
  }
}

/** Folders of modules in the build context that are there. */
export function bakedFolders(context: string, modules: readonly string[], root: string): string[] {
  return modules
    .map((name) => `${context}/extra-addons/${name}`)
    .filter((folder) => fs.existsSync(`${root}/${folder}`));
}
