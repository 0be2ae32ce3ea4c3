import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../../components/shared/errors";
import { paths } from "../config";
import { ask, CommandError, run, until } from "../process";
import { endProcess, processesWithArgument } from "../support/processes";
import { aptInstall, canInstall } from "./apt";
import { onPath, type Progress } from "./cache";

/** How the Docker engine came to run: `found` engines are never stopped by the sandbox. */
export type DockerOrigin = "found" | "started" | "systemd";

/** There while an engine runs that the sandbox had systemd start. */
const systemdMark = path.join(paths.state, "docker-by-systemd");
/** On the command line of the engine that the sandbox starts by hand: it tells that engine from any other, whatever was killed when. */
const ownMark = `--pidfile=${path.join(paths.state, "dockerd.pid")}`;
/** What the engine writes that the sandbox started. */
export const dockerLog = path.join(paths.state, "dockerd.log");
const startLimitMs = 60_000;

/** Whether a Docker engine answers (DOCKER_HOST and the current context are honoured). */
export async function dockerAnswers(): Promise<boolean> {
  if (onPath("docker") === undefined) return false;
  const info = await ask("docker", ["info", "--format", "{{.ServerVersion}}"], {
    what: "asking for the Docker engine",
    limitMs: 15_000,
  });
  return info !== undefined && info.stdout.trim() !== "";
}

/**
 * The Docker engine that answers; else, as root on Debian or Ubuntu, it is installed and started.
 * @throws ShipError TOOL_MISSING when there is none and none may be installed.
 */
export async function ensureDocker(progress: Progress): Promise<DockerOrigin> {
  if (await dockerAnswers()) return origin();
  const remote = process.env["DOCKER_HOST"];
  if (remote !== undefined && remote !== "" && !remote.startsWith("unix:")) {
    throw noDocker(`DOCKER_HOST is ${remote}, and nothing answers there`);
  }
  if (process.platform !== "linux" || !canInstall()) throw noDocker(await whyNot());
  if (onPath("dockerd") === undefined || onPath("docker") === undefined || onPath("iptables") === undefined) {
    await aptInstall(["docker.io", "iptables"], progress);
    // Debian from trixie on ships the command line apart.
    if (onPath("docker") === undefined) await aptInstall(["docker-cli"], progress);
  }
  if (await dockerAnswers()) return origin();
  progress("starting the Docker engine");
  if (processesWithArgument(ownMark).length > 0) progress("a killed run has started it; waiting for its answer");
  else if (fs.existsSync("/run/systemd/system")) await startBySystemd();
  else await startByHand();
  if (await until(dockerAnswers, startLimitMs, 500)) return origin();
  throw noDocker(
    `it was started and did not answer within ${startLimitMs / 1000} s; its log is ${dockerLog}:\n${tail()}`,
  );
}

/** Stops the Docker engine if the sandbox started it; any other is left alone. Returns whether it stopped one. */
export async function stopDocker(progress: Progress): Promise<boolean> {
  const how = origin();
  if (how === "found") return false;
  progress("stopping the Docker engine that the sandbox started");
  if (how === "systemd") {
    await run("systemctl", ["stop", "docker.service", "docker.socket"], {
      what: "stopping the Docker engine",
      limitMs: 60_000,
    });
    fs.rmSync(systemdMark, { force: true });
  } else {
    // The engine ends its own containerd on SIGTERM; killing it at once would leave that behind.
    for (const pid of processesWithArgument(ownMark)) await endProcess(pid, 30);
  }
  return true;
}

/** How the engine that runs now came to run. */
export function origin(): DockerOrigin {
  if (fs.existsSync(systemdMark)) return "systemd";
  return processesWithArgument(ownMark).length > 0 ? "started" : "found";
}

async function startBySystemd(): Promise<void> {
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  fs.writeFileSync(systemdMark, "");
  await run("systemctl", ["start", "docker.service"], { what: "starting the Docker engine", limitMs: startLimitMs });
}

/** Starts dockerd in its own session: it outlives this process. */
async function startByHand(): Promise<void> {
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  const log = fs.openSync(dockerLog, "a", 0o600);
  // overlay2 is named so that an old engine does not fall back to copying whole layers in silence.
  const child = spawn("dockerd", ["--storage-driver", "overlay2", ownMark], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  fs.closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  child.unref();
}

async function whyNot(): Promise<string> {
  if (onPath("docker") === undefined)
    return "no docker command, and this process may not install it (root on Debian or Ubuntu could)";
  try {
    await run("docker", ["info"], { what: "docker info", limitMs: 15_000 });
    return "docker info names no engine";
  } catch (error) {
    return error instanceof CommandError ? error.message : String(error);
  }
}

function tail(): string {
  return fs.existsSync(dockerLog) ? fs.readFileSync(dockerLog, "utf8").trim().split("\n").slice(-5).join("\n") : "";
}

function noDocker(found: string): ShipError {
  return new ShipError({
    code: "TOOL_MISSING",
    summary: "no Docker engine answers",
    found,
    expected: "a Docker engine 20.10 or newer that this user may use",
    remedy:
      "start Docker (Docker Desktop, or `sudo systemctl start docker` and membership in the group docker), then run again",
  });
}
