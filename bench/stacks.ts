import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../sandbox/config";
import { readToolPaths, sandboxEnvironment } from "../sandbox/environment";
import { run } from "../sandbox/process";
import { stackName } from "../sandbox/stack";
import { seconds } from "./measure";

const limitMs = 10 * 60_000;

/** A project that Pulumi can update. */
export interface Project {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** The product's program on the sandbox's stack, as `npm start` uses it. */
export function product(): Project {
  return { directory: paths.root, environment: sandboxEnvironment() };
}

/** A program without a resource, on a stack and a file backend of its own below `directory`; else the same settings of runtime and SDK. */
export async function emptyProject(directory: string): Promise<Project> {
  const project = {
    directory: path.join(directory, "empty"),
    environment: { ...sandboxEnvironment(), PULUMI_BACKEND_URL: `file://${path.join(directory, "state")}` },
  };
  fs.mkdirSync(project.directory);
  fs.mkdirSync(path.join(directory, "state"));
  for (const name of ["Pulumi.yaml", "package.json", "tsconfig.json"])
    fs.copyFileSync(path.join(paths.root, name), path.join(project.directory, name));
  fs.writeFileSync(path.join(project.directory, "index.ts"), "export {};\n");
  fs.symlinkSync(path.join(paths.root, "node_modules"), path.join(project.directory, "node_modules"));
  await pulumi(project, ["stack", "init", stackName]);
  await pulumi(project, up);
  return project;
}

const up = ["up", "--yes", "--skip-preview", "--color", "never", "--stack", stackName];

/** Seconds that an update takes which has nothing to do. Throws if it changes anything. */
export function noChangeUp(project: Project): Promise<number> {
  return seconds(() => pulumi(project, [...up, "--expect-no-changes"]));
}

/** Version of the Pulumi engine in use, such as `v3.250.0`. */
export async function engineVersion(): Promise<string> {
  return (await pulumi(product(), ["version"])).trim();
}

async function pulumi(project: Project, args: readonly string[]): Promise<string> {
  const options = { what: `pulumi ${args[0] ?? ""}`, limitMs, cwd: project.directory, env: project.environment };
  return (await run(readToolPaths().engine, [...args, "--non-interactive"], options)).stdout;
}
