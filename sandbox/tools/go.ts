import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../../components/errors";
import { CommandError, run } from "../process";
import { onPath, type Progress } from "./cache";

/** A program that is built from Go modules, by a wrapper module with its own go.mod and go.sum beside this file. */
export interface GoTool {
  /** Name of the executable and of the wrapper module's directory. */
  readonly name: string;
  /** Import path of the main package. */
  readonly packagePath: string;
  readonly version: string;
  /** What the linker stamps into it, as `import/path.Variable=value`. */
  readonly stamp?: string;
  /** Whether it runs in an image: for Linux, with nothing of this machine's C library. */
  readonly forImage?: boolean;
}

/** Builds the tool into `directory`. */
export async function goBuild(tool: GoTool, directory: string, progress: Progress): Promise<void> {
  const go = onPath("go");
  if (go === undefined) {
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: `${tool.name} is not installed, cannot be downloaded, and cannot be built`,
      found: `no ${tool.name} on PATH, no answer from its download site, no Go compiler`,
      expected: `one of: ${tool.name} on PATH, a network that reaches its download site, Go 1.26 or newer`,
      remedy: `install ${tool.name}, or Go from https://go.dev/dl/, then run again`,
    });
  }
  progress(`building ${tool.name} ${tool.version} from its Go modules`);
  // The build happens on a copy: the compiler may want to write beside go.mod, and the checkout may be read-only.
  const source = path.join(directory, "source");
  fs.cpSync(path.join(__dirname, tool.name), source, { recursive: true });
  const stamp = tool.stamp === undefined ? [] : ["-ldflags", `-s -w -X ${tool.stamp}`];
  try {
    await run(go, ["build", "-mod=readonly", "-trimpath", ...stamp, "-o", path.join(directory, tool.name), tool.packagePath], {
      what: `building ${tool.name}`,
      limitMs: 25 * 60_000,
      cwd: source,
      env: tool.forImage === true ? { ...process.env, CGO_ENABLED: "0", GOOS: "linux" } : process.env,
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: `${tool.name} ${tool.version} could not be built`,
      found: error.message,
      expected: "Go modules that can be downloaded and compiled",
      remedy: `check the network and GOPROXY, or put ${tool.name} on PATH, then run again`,
    });
  }
  fs.rmSync(source, { recursive: true, force: true });
}
