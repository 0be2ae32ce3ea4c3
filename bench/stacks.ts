import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../sandbox/config";
import { readToolPaths, sandboxEnvironment } from "../sandbox/environment";
import { run } from "../sandbox/process";
import { stackName } from "../sandbox/stack";
import { seconds } from "./measure";

const limitMs = 30 * 60_000;
/** Pulumi saves its state before it ends. */
const graceMs = 30_000;
/** All that Pulumi says during a benchmark. */
const log = path.join(paths.state, "bench.log");

/** A project that Pulumi can update. */
export interface Project {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** The product's program on the sandbox's stack, as `npm start` uses it. */
export function product(): Project {
  return { directory: paths.root, environment: sandboxEnvironment() };
}

/** A TypeScript program without a resource, loaded as Pulumi does it, with the same SDK, on a stack and a file backend of its own below `directory`. */
export async function emptyProject(directory: string): Promise<Project> {
  const project = {
    directory: path.join(directory, "empty"),
    environment: { ...sandboxEnvironment(), PULUMI_BACKEND_URL: `file://${path.join(directory, "state")}` },
  };
  fs.mkdirSync(project.directory);
  fs.mkdirSync(path.join(directory, "state"));
  fs.copyFileSync(path.join(paths.root, "package.json"), path.join(project.directory, "package.json"));
  // As Pulumi's own template has it.
  const compilerOptions = { strict: true, target: "es2020", module: "commonjs", moduleResolution: "node" };
  fs.writeFileSync(path.join(project.directory, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  fs.writeFileSync(path.join(project.directory, "Pulumi.yaml"), "name: empty\nruntime: nodejs\n");
  fs.writeFileSync(path.join(project.directory, "index.ts"), "export {};\n");
  fs.symlinkSync(path.join(paths.root, "node_modules"), path.join(project.directory, "node_modules"));
  await pulumi(project, ["stack", "init", stackName]);
  await update(project);
  return project;
}

const without = ["--yes", "--skip-preview", "--color", "never", "--stack", stackName];

/** `pulumi up` without questions. */
export async function update(project: Project): Promise<void> {
  await pulumi(project, ["up", ...without]);
}

/** Seconds that an update takes which has nothing to do. Throws if it changes anything. */
export function noChangeUp(project: Project): Promise<number> {
  return seconds(() => pulumi(project, ["up", ...without, "--expect-no-changes"]));
}

/** The same, and the seconds of processor time that the sandbox's stand-ins for plugins took of it. */
export async function noChangeUpWithStandIns(
  project: Project,
): Promise<{ readonly taken: number; readonly standIns: number }> {
  const folder = fs.mkdtempSync(path.join(project.directory, "plugin-times-"));
  try {
    const taken = await noChangeUp({
      ...project,
      environment: { ...project.environment, SANDBOX_PLUGIN_TIMES: folder },
    });
    const times = fs.readdirSync(folder).map((name) => Number(fs.readFileSync(path.join(folder, name), "utf8")));
    return { taken, standIns: times.reduce((sum, time) => sum + time, 0) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Takes away all that a stack has made, and the lock of an update that was killed. */
export async function destroy(project: Project): Promise<void> {
  await pulumi(project, ["cancel", "--yes", "--stack", stackName]);
  await pulumi(project, ["destroy", ...without]);
}

/** Version of the Pulumi engine in use, such as `v3.250.0`. */
export async function engineVersion(): Promise<string> {
  return (await pulumi(product(), ["version"])).trim();
}

/** Runs Pulumi in the project's directory; answers its standard output. */
export async function pulumi(project: Project, args: readonly string[]): Promise<string> {
  const options = {
    what: `pulumi ${args[0] ?? ""}`,
    limitMs,
    graceMs,
    log,
    cwd: project.directory,
    env: project.environment,
  };
  return (await run(readToolPaths().engine, [...args, "--non-interactive"], options)).stdout;
}
