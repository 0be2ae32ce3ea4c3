import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { ShipError } from "../../components/shared/errors";
import { freePort, isFree, portTaken } from "../support/listen";
import { endProcess, processesWithArgument } from "../support/processes";
import { registryContents, type RegistryContents } from "./contents";

export interface RegistryBackendOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Everything of this registry lies here: configuration, log, storage. */
  readonly dataDir: string;
  /** Path of CNCF Distribution's executable (Debian's `docker-registry` or upstream's `registry`). */
  readonly binary: string;
}

export interface RegistryBackend {
  readonly url: string;
  readonly pid: number;
  readonly logFile: string;
  readonly contents: RegistryContents;
  close(): Promise<void>;
}

const startLimitSeconds = 10;

/**
 * Starts a real registry without authentication on the loopback address. One that an earlier, killed run left behind is ended
 * first: it is known by our configuration file on its command line.
 */
export async function startRegistryBackend(options: RegistryBackendOptions): Promise<RegistryBackend> {
  const dataDir = path.resolve(options.dataDir);
  const configFile = path.join(dataDir, "config.yml");
  const logFile = path.join(dataDir, "registry.log");
  const storage = path.join(dataDir, "storage");
  fs.mkdirSync(storage, { recursive: true, mode: 0o700 });

  await Promise.all(processesWithArgument(configFile).map((pid) => endProcess(pid)));
  const port = await chosenPort(options.port);
  fs.writeFileSync(configFile, configuration(storage, port), { mode: 0o600 });

  const child = startChild(options.binary, configFile, logFile);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(child, url, options.binary, logFile);
  } catch (error) {
    await endChild(child);
    throw error;
  }
  const collectGarbage = async (signal: AbortSignal): Promise<void> => {
    await promisify(execFile)(options.binary, ["garbage-collect", configFile], { signal, env: quietEnvironment() });
  };
  return {
    url,
    pid: child.pid ?? 0,
    logFile,
    contents: registryContents(storage, collectGarbage),
    close: () => endChild(child),
  };
}

function configuration(storage: string, port: number): string {
  const settings = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage },
      delete: { enabled: true },
      // Redirects would lead clients past the front.
      redirect: { disable: true },
    },
    http: { addr: `127.0.0.1:${port}`, secret: randomBytes(16).toString("hex") },
  };
  // JSON is YAML.
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}

/** Version 3 of the registry would report traces to an address of its own choosing. */
function quietEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" };
}

function startChild(binary: string, configFile: string, logFile: string): ChildProcess {
  const log = fs.openSync(logFile, "a", 0o600);
  try {
    // Its own process group: Ctrl-C reaches this process first, which then ends the registry after the front.
    return spawn(binary, ["serve", configFile], {
      detached: true,
      stdio: ["ignore", log, log],
      env: quietEnvironment(),
    });
  } finally {
    fs.closeSync(log);
  }
}

async function untilReady(child: ChildProcess, url: string, binary: string, logFile: string): Promise<void> {
  let failure: string | undefined;
  child.once("error", (error) => (failure = error.message));
  child.once("exit", (code, signal) => (failure ??= `it ended with ${signal ?? `exit code ${code}`}`));
  const limit = Date.now() + startLimitSeconds * 1000;
  while (failure === undefined && Date.now() < limit) {
    if (await answers(url)) {
      return;
    }
    await delay(15);
  }
  throw new ShipError({
    code: "SANDBOX_FAILURE",
    summary: "The sandbox's registry did not start.",
    found: `${binary}: ${failure ?? `no answer within ${startLimitSeconds} s`}\n${lastLines(logFile)}`,
    expected: `an answer at ${url}/v2/`,
    remedy: `read ${logFile}`,
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

function lastLines(file: string): string {
  return fs.readFileSync(file, "utf8").trimEnd().split("\n").slice(-5).join("\n");
}

/** The port itself when it is free, any free one for 0. The child cannot tell us its port, so it is chosen here. */
async function chosenPort(wanted: number): Promise<number> {
  if (wanted === 0) return freePort();
  if (await isFree(`127.0.0.1:${wanted}`)) return wanted;
  throw portTaken(wanted, "The sandbox's registry");
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    await endProcess(child.pid);
  }
}
