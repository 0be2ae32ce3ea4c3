import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import type { Gate, GateTools } from "./gate";
import { onPath, run } from "./programs";

export interface PreflightOrder {
  /** Names the content that is looked at: 64 hexadecimal digits. */
  readonly contentHash: string;
  /** Dockerfiles in the project. */
  readonly dockerfiles: readonly string[];
  /** Bytes that must be free where Docker keeps its images. */
  readonly freeBytes: number;
}

const minuteMs = 60_000;

/** Before anything is built. The addon check belongs to the plan, so that a preview has it, too. */
export const preflight: Gate<PreflightOrder> = {
  title: "Dockerfiles, hooks of the repository, free disk",
  budgetSeconds: 60,
  codes: {
    DISK_SPACE_LOW: {
      when: "less than 10 GB are free where Docker keeps its images",
      remedy: "free some, for example by docker system prune, then run the update again",
    },
    LINT_FAILURE: {
      when: "hadolint or a hook of .pre-commit-config.yaml has a finding",
      remedy: "mend the lines that are named; a rule is switched off by a comment with its reason",
    },
    TOOL_MISSING: {
      when: "hadolint is not installed, or pre-commit is not while the repository has hooks",
      remedy: "npm run gates:tools; for hooks, pip install pre-commit",
    },
  },
  async run(order, tools) {
    const free = await enoughDisk(order, tools);
    const files = await lintDockerfiles(order, tools);
    const hooks = await runHooks(tools);
    return { facts: { freeBytes: free, dockerfiles: files, hooks }, warnings: [] };
  },
};

async function enoughDisk({ freeBytes }: PreflightOrder, { root }: GateTools): Promise<number> {
  const { status, stdout } = await run("docker", ["info", "--format", "{{.DockerRootDir}}"], { limitMs: minuteMs });
  const folder = status === 0 && fs.existsSync(stdout.trim()) ? stdout.trim() : root;
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = bavail * bsize;
  if (free < freeBytes) {
    throw new ShipError({
      code: "DISK_SPACE_LOW",
      summary: "there is too little free disk space to build and try an image",
      found: `${gigabytes(free)} GB free at ${folder}`,
      expected: `${gigabytes(freeBytes)} GB, since an image, its cache and a trial of it need them`,
      remedy: "free some, for example by docker system prune, then run the update again",
    });
  }
  return free;
}

async function lintDockerfiles(
  { dockerfiles }: PreflightOrder,
  { root, find, say }: GateTools,
): Promise<readonly string[]> {
  const present = dockerfiles.filter((file) => fs.existsSync(path.join(root, file)));
  const hadolint = await find("hadolint");
  if (hadolint === undefined) return [];
  say(`hadolint: ${present.join(", ")}`);
  const { status, stdout, tail } = await run(hadolint, ["--format", "json", ...present], {
    cwd: root,
    limitMs: minuteMs,
  });
  const findings = parse(stdout);
  if (status === 0 && findings?.length === 0) return present;
  throw new ShipError({
    code: "LINT_FAILURE",
    summary: "hadolint has findings in a Dockerfile; nothing was built",
    found:
      findings === undefined || findings.length === 0
        ? tail || `hadolint ended with ${String(status)}`
        : findings.map(({ file, line, code, message }) => `${file}:${line}: ${code} ${message}`).join("\n"),
    expected: "none",
    remedy: "mend these lines; a rule is switched off by a comment, # hadolint ignore=…, with its reason beside it",
  });
}

interface HadolintFinding {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

function parse(text: string): HadolintFinding[] | undefined {
  try {
    return JSON.parse(text) as HadolintFinding[];
  } catch {
    return undefined;
  }
}

/** Runs the repository's own hooks, where it has any. */
async function runHooks({ root, say }: GateTools): Promise<string> {
  if (!fs.existsSync(path.join(root, ".pre-commit-config.yaml"))) return "none";
  const program = onPath("pre-commit");
  if (program === undefined) {
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: "the repository has hooks, and there is nothing to run them",
      found: "no pre-commit on the PATH",
      expected: "pre-commit, as .pre-commit-config.yaml asks for it",
      remedy: "pip install pre-commit, then run the update again",
    });
  }
  say("hooks of .pre-commit-config.yaml");
  const args = ["run", "--all-files", "--color", "never"];
  const { status, tail } = await run(program, args, { cwd: root, limitMs: 15 * minuteMs });
  if (status === 0) return "passed";
  throw new ShipError({
    code: "LINT_FAILURE",
    summary: "a hook of .pre-commit-config.yaml failed; nothing was built",
    found: tail || `pre-commit ended with ${String(status)}`,
    expected: "that pre-commit run --all-files ends with 0",
    remedy: "run it by hand, mend what it names, commit",
  });
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}
