import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../../components/shared/errors";
import { docker, hardened } from "../docker";
import type { GateTools } from "../gate";
import { run } from "../programs";
import { inTemporaryFolder } from "../temporary";
import { type Exception, type Finding, judge } from "../vulnerabilities";

interface Report {
  readonly dependencies: readonly {
    readonly name: string;
    readonly version?: string;
    readonly skip_reason?: string;
    readonly vulns?: readonly Vulnerability[];
  }[];
}

interface Vulnerability {
  readonly id: string;
  /** The same one elsewhere, such as its number as a CVE. */
  readonly aliases?: readonly string[];
  readonly fix_versions: readonly string[];
}

const minuteMs = 60_000;
const pin = /^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+$/;

/**
 * Lists what pip has installed in the image. Packages of the distribution have its own fixes under old numbers: the
 * audit of Python's packages would take them for vulnerable.
 */
const list = `
import importlib.metadata as metadata
for found in metadata.distributions():
    if str(found.locate_file("")).startswith("/usr/local/") and found.metadata["Name"]:
        print(found.metadata["Name"] + "==" + found.version)
`;

/**
 * Asks which vulnerabilities are known of the Python packages that pip has installed in the image. One that has a fix
 * stops the release, unless an exception names it, by any of its names.
 * @returns those without a fix and those that are excepted, one sentence each
 * @throws ShipError SECURITY_VULN, CONTAINER_START_FAILURE, TOOL_MISSING
 */
export async function audit(image: string, exceptions: readonly Exception[], tools: GateTools): Promise<string[]> {
  const program = await tools.find("pip-audit");
  if (program === undefined) return [];
  const pins = await pinsOf(image);
  if (pins.length === 0) return [];
  tools.say(`pip-audit: ${pins.length} packages`);
  return inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "requirements.txt");
    fs.writeFileSync(file, `${pins.join("\n")}\n`);
    const args = ["--requirement", file, "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"];
    const { stdout, tail } = await run(program, args, { cwd: folder, limitMs: 5 * minuteMs });
    return verdictOn(parse(stdout), tail, exceptions, tools);
  });
}

async function pinsOf(image: string): Promise<string[]> {
  const flags = [...hardened, "--network", "none", "--entrypoint", "python3"];
  const { status, stdout, tail } = await docker(["run", ...flags, image, "-I", "-c", list], 2 * minuteMs);
  if (status !== 0) {
    throw new ShipError({
      code: "CONTAINER_START_FAILURE",
      summary: "the image does not say which Python packages it has",
      found: tail,
      expected: "a list of names and versions",
      remedy: "read the line above; docs/by-hand.md has the same command",
    });
  }
  return [...new Set(stdout.split("\n").filter((line) => pin.test(line)))].sort();
}

function verdictOn(
  report: Report | undefined,
  tail: string,
  exceptions: readonly Exception[],
  tools: GateTools,
): string[] {
  if (report === undefined) {
    tools.cannotCheck(unasked(tail));
    return [];
  }
  const skipped = report.dependencies.filter(({ skip_reason }) => skip_reason !== undefined);
  // It passes what the index does not know: a package of the team's own, for one.
  for (const { name, skip_reason } of skipped) tools.notChecked(`${name}: ${skip_reason ?? ""}`);
  const today = new Date().toISOString().slice(0, 10);
  const verdict = judge(findingsOf(report, exceptions), exceptions, { unfixedStops: false, today });
  if (verdict.stopping.length > 0) {
    const ended = verdict.expired.map(
      (one) => `the exception for ${one.id} in ${one.package} has expired on ${one.expires}: ${one.reason}`,
    );
    throw new ShipError({
      code: "SECURITY_VULN",
      summary: "Python packages of the image have known vulnerabilities, which newer versions mend",
      found: [...verdict.stopping.map((one) => `${shown(one)}, mended in ${one.fixed}`), ...ended].join("\n"),
      expected: "versions without one, but those that gates:exceptions names",
      remedy: "raise them in requirements.txt or image:pythonPackages; one that another package brings, by a pin of it",
    });
  }
  return [
    ...verdict.unfixed.map((one) => `${shown(one)}, which no version mends yet`),
    ...verdict.excepted.map(
      ({ finding, exception }) => `${shown(finding)}, excepted until ${exception.expires}: ${exception.reason}`,
    ),
  ];
}

/** Each by the name that an exception has for it, else by PyPI's. PyPI grades none. */
function findingsOf({ dependencies }: Report, exceptions: readonly Exception[]): Finding[] {
  return dependencies.flatMap(({ name, version = "", vulns = [] }) =>
    vulns.map(({ id, aliases = [], fix_versions }) => ({
      id: aliases.find((alias) => exceptions.some((one) => one.id === alias && one.package === name)) ?? id,
      package: name,
      installed: version,
      fixed: fix_versions.join(", "),
      severity: "HIGH" as const,
      title: "",
      inBase: false,
    })),
  );
}

const shown = ({ id, package: name, installed }: Finding) => `${name} ${installed}: ${id}`;

function unasked(found: string): ShipError {
  return new ShipError({
    code: "NETWORK_FAILURE",
    summary: "nobody could be asked for vulnerabilities of the image's Python packages",
    found: found.split("\n").slice(-5).join("\n"),
    expected: "an answer of PyPI to pip-audit",
    remedy: "look at the network of this machine, then run the update again",
  });
}

function parse(text: string): Report | undefined {
  try {
    const report = JSON.parse(text) as Partial<Report>;
    return Array.isArray(report.dependencies) ? (report as Report) : undefined;
  } catch {
    return undefined;
  }
}
