import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { docker, objectLabel } from "../../sandbox/containers/docker";
import { ensureBuilt } from "../../sandbox/images/build";
import { ask, CommandError, run, stuckMs } from "../../sandbox/process";
import { npmEnvironment, npmFiles, npmProgram } from "./npm-settings";
import type { Step, Values } from "./workflow";
import { equivalentOf } from "./workflow-actions";

const root = path.join(__dirname, "..", "..");
const home = "/home/runner";
const work = `${home}/work/odoo`;
/** Where the Node of setup-node is, with its npm. */
const node = "/opt/setup-node";

/** What this machine gives in the place of what GitHub and the makers of tools have. */
export interface Machine {
  /** A Git repository on this machine: GitHub's, for the checkout. */
  readonly repository: string;
  /** Files and folders of this machine at their own paths, to read. */
  readonly mounts?: readonly string[];
  /** The same, to write. */
  readonly writable?: readonly string[];
  /** Folders of programs that are on the PATH from the start. */
  readonly programs?: readonly string[];
  /** Folders of Pulumi's programs, on the PATH from the step that brings it. */
  readonly pulumi?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it reaches the servers of this machine. */
  readonly onHost?: boolean;
  /** Commands of steps that cannot run here, and why. */
  readonly skipped?: Readonly<Record<string, string>>;
}

/** What became of a step. */
export interface Ended {
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  /** What it printed, or why it was skipped. */
  readonly output: string;
}

/**
 * Runs the steps of a job in their order in a new container, as a runner of GitHub does: with Git and Python, and from
 * there on with what the steps bring. No package and no tool of this machine is in it, but for what `machine` names.
 * It shows nothing of GitHub's own: its actions have equivalents here, and its runner has a user with fewer rights, and
 * more programs.
 */
export async function runJob(steps: readonly Step[], values: Values, machine: Machine): Promise<Ended[]> {
  const image = await ensureBuilt("runner", "1", () => undefined);
  const container = `steps-${randomUUID()}`;
  const programs = fs.mkdtempSync(path.join(os.tmpdir(), "steps-"));
  try {
    await docker(["run", ...startArguments(container, programs, machine), image, "sleep", "infinity"], "a runner");
    await docker(["exec", container, "mkdir", work], "its folder");
    return await new Job(container, values, machine).run(steps);
  } finally {
    // It may not have come into being.
    await ask("docker", ["rm", "--force", container], { what: `removing ${container}`, limitMs: stuckMs });
    fs.rmSync(programs, { recursive: true });
  }
}

class Job {
  #path: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  constructor(
    private readonly container: string,
    private readonly values: Values,
    private readonly machine: Machine,
  ) {
    const system = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    this.#path = [...(machine.programs ?? []), ...system];
    this.#env = {
      ...{ CI: "true", GITHUB_ACTIONS: "true", HOME: home, LANG: "C.UTF-8" },
      ...{ GITHUB_STEP_SUMMARY: `${home}/summary.md`, RUNNER_TEMP: "/tmp" },
      ...Object.fromEntries(
        ["event_name", "ref", "base_ref", "repository"].map((name) => [
          `GITHUB_${name.toUpperCase()}`,
          String(values[`github.${name}`]),
        ]),
      ),
      ...npmEnvironment(),
      ...machine.env,
    };
  }

  async run(steps: readonly Step[]): Promise<Ended[]> {
    const ended: Ended[] = [];
    for (const step of steps) {
      const failed = ended.some(({ status }) => status === "failed");
      ended.push(
        failed && !step.always
          ? { name: step.name, status: "skipped", output: "a step before it failed" }
          : { name: step.name, ...(await this.#step(step)) },
      );
    }
    return ended;
  }

  async #step(step: Step): Promise<Omit<Ended, "name">> {
    const why = this.machine.skipped?.[step.name];
    if (why !== undefined) return { status: "skipped", output: why };
    try {
      const brought = { node, pulumi: this.machine.pulumi };
      const { lines, programs = [] } =
        step.run === undefined ? equivalentOf(step, this.values, brought) : { lines: step.run };
      this.#path = [...programs, ...this.#path];
      return { status: "passed", output: await this.#shell(lines, step) };
    } catch (error) {
      if (error instanceof CommandError) return { status: "failed", output: error.output || error.message };
      throw error;
    }
  }

  /** As GitHub starts it. Secrets go by the environment, never as arguments. */
  async #shell(lines: string, { name, env }: Step): Promise<string> {
    const all = { ...this.#env, ...env };
    const names = Object.keys(all).flatMap((variable) => ["--env", variable]);
    const args = ["exec", "--workdir", work, ...names, "--env", `PATH=${this.#path.join(":")}`, this.container];
    const { stdout, stderr } = await run("docker", [...args, "bash", "-ec", lines], {
      what: name,
      quietMs: 2 * stuckMs,
      env: { ...process.env, ...all },
    });
    return `${stdout}${stderr}`;
  }
}

function startArguments(container: string, programs: string, machine: Machine): string[] {
  const read = (from: string, to = from) => ["--volume", `${from}:${to}:ro`];
  fs.symlinkSync("/opt/node", path.join(programs, "node"));
  fs.symlinkSync("/opt/npm/bin/npm-cli.js", path.join(programs, "npm"));
  return [
    ...["--detach", "--init", "--name", container, "--label", objectLabel],
    ...["--user", `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`],
    ...(machine.onHost === true ? ["--network", "host"] : []),
    ...read(machine.repository, "/repository"),
    ...read(path.join(root, "node_modules", "node", "bin", "node"), "/opt/node"),
    // Of Node the package `node` has the program alone.
    ...read(npmProgram(), "/opt/npm"),
    ...read(programs, node),
    ...[...npmFiles(), ...(machine.mounts ?? [])].flatMap((file) => read(file)),
    ...(machine.writable ?? []).flatMap((folder) => ["--volume", `${folder}:${folder}`]),
  ];
}
