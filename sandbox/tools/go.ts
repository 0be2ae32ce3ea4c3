import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { ShipError } from "../../components/shared/errors";
import { paths } from "../config";
import { objectLabel } from "../containers/docker";
import { pullPublic } from "../images/public";
import { untilReleased, withLock } from "../lock";
import { CommandError, run, stuckMs } from "../process";
import { onPath, type Progress } from "./cache";
import { buildFailure } from "./failure";

/** A program that is built from Go modules, by a wrapper module with its own go.mod and go.sum beside this file. */
export interface GoTool {
  /** Name of the executable and of the wrapper module's directory. */
  readonly name: string;
  /** Directory of the module, if it is not one of the wrappers here. */
  readonly source?: string;
  /** Import path of the main package. */
  readonly packagePath: string;
  readonly version: string;
  /** What the linker stamps into it, as `import/path.Variable=value`. */
  readonly stamp?: string;
  /** What it uses of Go that is not in every compiler yet, as `GOEXPERIMENT` names it. */
  readonly experiment?: string;
  /** How much of it those are made of, too, that are compiled before it: it is nothing to wait for. @default 0 */
  readonly shared?: number;
  /** Whether it runs in an image: for Linux, with nothing of this machine's C library. */
  readonly forImage?: boolean;
}

/** The official image, for machines without a compiler. */
const compilerImage = { repository: "docker.io/library/golang", tag: "1.26" };

/**
 * What runs often, or moves data. All else is compiled without inlining, which takes a quarter less time and makes code
 * that takes half as long again: clients of clouds, which nobody calls, and of Kubernetes what one node needs.
 */
const inlined = [
  "std",
  "golang.org/x/...",
  "google.golang.org/...",
  "github.com/pulumi/...",
  "github.com/caddyserver/...",
];
/**
 * The same for every tool: what two of them are made of is compiled once. Nobody looks at these programs with a debugger, and a fifth of
 * the compiler's time goes into what such a one would read. Of two flags that fit a package the last one counts.
 */
const flags = [
  ...["-mod=readonly", "-trimpath", "-gcflags=all=-dwarf=false -l"],
  // Google's load balancing inside its own network: a tenth of the Pulumi engine.
  "-tags=disable_grpc_modules",
  ...inlined.map((packages) => `-gcflags=${packages}=-dwarf=false`),
];
/** What there is to do beside compiling packages, for the progress: the link. */
const linkShare = 0.05;
/** What a package costs beside its source, in bytes of source. */
const packageBytes = 20_000;
/** How many packages are compiled at once: the last ones that were begun are not done yet. */
const atOnce = os.availableParallelism();

/** How to call it: on this machine, or in a container for what runs in an image anyway. */
export interface Compiler {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it writes what lies in the tool's directory here. */
  readonly directory: string;
}

/**
 * Builds the tool into `directory`, with the Go compiler on PATH; without one, what runs in an image is built in Go's own image. One
 * build at a time on a machine: a compiler uses all cores, so that two at once are no quicker, and need twice the memory. What is compiled
 * stays in Go's own caches: a build that was cut goes on.
 * @throws ShipError TOOL_MISSING, DISK_SPACE_LOW.
 */
export async function goBuild(tool: GoTool, directory: string, progress: Progress): Promise<void> {
  // The build happens on a copy: the compiler may want to write beside go.mod, and the checkout may be read-only.
  const source = path.join(directory, "source");
  fs.cpSync(tool.source ?? path.join(__dirname, tool.name), source, { recursive: true });
  const compiler =
    localCompiler(directory) ?? (tool.forImage === true ? await compilerInContainer(directory, progress) : undefined);
  if (compiler === undefined) throw noCompiler(tool);
  const onWait = (holder: number): void => progress(`process ${holder} is compiling; waiting for it`);
  try {
    await withLock(path.join(paths.cache, "compiler.lock"), untilReleased, onWait, () =>
      compile(tool, compiler, source, progress),
    );
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const summary = `${tool.name} ${tool.version} could not be built`;
    throw buildFailure(
      { code: "TOOL_MISSING", summary, source: process.env["GOPROXY"] ?? "the Go module proxy (GOPROXY)" },
      error,
    );
  }
  fs.rmSync(source, { recursive: true, force: true });
}

/** Says how far it is by the packages that are compiled: by their source, as some are a thousand times as large as others. */
async function compile(tool: GoTool, compiler: Compiler, source: string, progress: Progress): Promise<void> {
  const system = {
    ...(tool.forImage === true ? { GOOS: "linux" } : {}),
    ...(tool.experiment === undefined ? {} : { GOEXPERIMENT: tool.experiment }),
  };
  const go = (command: readonly string[], what: string, onLine: (line: string) => void) =>
    run(compiler.command, [...compiler.args, ...command], {
      what: `${what} ${tool.name}`,
      quietMs: stuckMs,
      cwd: source,
      env: { ...compilerMemory(os.totalmem()), ...process.env, ...system, CGO_ENABLED: "0" },
      onLine,
    });
  progress(`downloading the Go modules of ${tool.name} ${tool.version}`);
  const format = '{{.Stale}}\t{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles "\t"}}';
  const parts: string[] = [];
  await go(["list", ...flags, "-deps", "-f", format, tool.packagePath], "looking at the parts of", (line) =>
    parts.push(line),
  );
  const todo = new Map<string, number>();
  let [whole, done] = [0, 0];
  for (const [stale, name, directory = "", ...files] of parts.map((line) => line.split("\t"))) {
    // A word about a download.
    if (name === undefined) continue;
    const cost = packageBytes + bytesOf(directory, files);
    whole += cost;
    if (stale === "true") todo.set(name, cost);
    else done += cost;
  }
  const { shared = 0 } = tool;
  const tell = (how?: "found"): void => {
    const share = Math.max(0, done / whole - shared) / (1 - shared);
    progress(`compiling ${tool.name} ${tool.version}`, (1 - linkShare) * share, how);
  };
  // Other tools are made of the same packages, and a build that was cut goes on.
  tell("found");
  const begun: number[] = [];
  const stamp = tool.stamp === undefined ? [] : [`-X ${tool.stamp}`];
  const output = path.join(compiler.directory, tool.name);
  await go(
    ["build", "-v", ...flags, "-ldflags", ["-s -w", ...stamp].join(" "), "-o", output, tool.packagePath],
    "building",
    (line) => {
      const cost = todo.get(line);
      if (cost === undefined) return;
      todo.delete(line);
      begun.push(cost);
      if (begun.length > atOnce) done += begun.shift() ?? 0;
      tell();
    },
  );
}

/** Where memory is there, the compiler collects its garbage less often: that took a tenth of its time. */
export function compilerMemory(bytes: number): { readonly GOGC?: string } {
  return bytes >= 7 * 1024 ** 3 ? { GOGC: "400" } : {};
}

/** Those of a compiler in a container are not here: then all packages count alike. */
function bytesOf(directory: string, files: readonly string[]): number {
  return files.reduce(
    (sum, file) => sum + (fs.statSync(path.join(directory, file), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function localCompiler(directory: string): Compiler | undefined {
  const go = onPath("go");
  return go === undefined ? undefined : { command: go, args: [], directory };
}

/** `undefined` where the image cannot be pulled. What it downloads and compiles is kept for the next tool, in the cache. */
async function compilerInContainer(directory: string, progress: Progress): Promise<Compiler | undefined> {
  const image = await pullPublic(compilerImage.repository, compilerImage.tag, progress);
  return image === undefined ? undefined : inContainer(image, directory);
}

/** Runs `go` of that image on the tool's directory, as the user that this process is. */
export function inContainer(image: string, directory: string): Compiler {
  const kept = path.join(paths.cache, "go");
  fs.mkdirSync(kept, { recursive: true });
  const variables = {
    HOME: "/tmp",
    GOCACHE: "/kept/build",
    GOMODCACHE: "/kept/modules",
    GOFLAGS: "-modcacherw",
    SSL_CERT_DIR: "/authorities",
  };
  const passed = ["CGO_ENABLED", "GOEXPERIMENT", "GOGC", "GOOS", "GOPROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  const args = [
    ...["run", "--rm", "--label", objectLabel, "--user", `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`],
    ...["--volume", `${directory}:/tool`, "--workdir", "/tool/source", "--volume", `${kept}:/kept`],
    // In addition to those that it knows.
    ...["--volume", `${path.join(paths.state, "ca.crt")}:/authorities/ca.crt:ro`],
    ...Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...passed.flatMap((name) => ["--env", name]),
    ...[image, "go"],
  ];
  return { command: "docker", args, directory: "/tool" };
}

function noCompiler(tool: GoTool): ShipError {
  return new ShipError({
    code: "TOOL_MISSING",
    summary: `${tool.name} is not installed, cannot be downloaded, and cannot be built`,
    found: `no ${tool.name} on PATH, no answer from its download site, no Go compiler`,
    expected: `one of: ${tool.name} on PATH, a network that reaches its download site, Go 1.26 or newer`,
    remedy: `install ${tool.name}, or Go from https://go.dev/dl/, then run again`,
  });
}
