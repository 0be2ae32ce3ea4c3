import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../components/shared/errors";
import { paths } from "./config";
import { until } from "./process";
import { serversFileSchema, type ServersFile } from "./servers";
import { endProcess, processesWithArgument } from "./support/processes";

const script = path.join(paths.root, "sandbox", "servers.ts");
const file = path.join(paths.state, "servers.json");
/** What the small servers write. */
export const serversLog = path.join(paths.state, "servers.log");
const startLimitMs = 60_000;
/** On the servers' command line, so that they are found also when their file is not there yet. */
const mark = `--state=${paths.state}`;

/** The running servers' addresses and credentials; `undefined` while they do not run. */
export function readServers(): ServersFile | undefined {
  if (!fs.existsSync(file)) return undefined;
  return serversFileSchema.parse(JSON.parse(fs.readFileSync(file, "utf8")));
}

/** Starts the API and the registry in the background unless they answer already. Their log is {@link serversLog}. */
export async function startServersInBackground(): Promise<ServersFile> {
  const running = readServers();
  if (running !== undefined && (await answers(running))) return running;
  // Of a run that was killed: nothing else carries this mark.
  await stopServers();
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  const log = fs.openSync(serversLog, "w", 0o600);
  const child = spawn(process.execPath, ["--import", "tsx", script, mark], {
    cwd: paths.root,
    detached: true,
    stdio: ["ignore", log, log],
  });
  fs.closeSync(log);
  let ended = false;
  child.on("error", () => (ended = true));
  child.on("exit", () => (ended = true));
  child.unref();
  const ready = async (): Promise<boolean> => {
    const servers = readServers();
    return servers !== undefined && (await answers(servers));
  };
  await until(async () => ended || (await ready()), startLimitMs, 200);
  const servers = readServers();
  if (!ended && servers !== undefined && (await answers(servers))) return servers;
  if (child.pid !== undefined && !ended) await endProcess(child.pid);
  throw notStarted(ended);
}

/** Ends the servers. Returns whether there were any. */
export async function stopServers(): Promise<boolean> {
  const pids = processesWithArgument(mark);
  await Promise.all(pids.map((pid) => endProcess(pid, 10)));
  fs.rmSync(file, { force: true });
  return pids.length > 0;
}

async function answers(servers: ServersFile): Promise<boolean> {
  try {
    const answer = await fetch(`${servers.apiUrl}/v2/account`, {
      headers: { authorization: `Bearer ${servers.token}` },
      signal: AbortSignal.timeout(3000),
    });
    // Also an ordered fault is an answer of ours; another sandbox's server would refuse the token.
    return answer.status !== 401;
  } catch {
    return false;
  }
}

function notStarted(ended: boolean): ShipError {
  const text = fs.existsSync(serversLog) ? fs.readFileSync(serversLog, "utf8").trim() : "";
  return new ShipError({
    code: "SANDBOX_FAILURE",
    summary: "the sandbox's servers did not start",
    found: `${ended ? "they ended" : `no answer within ${startLimitMs / 1000} s`}; end of ${serversLog}:\n${text.split("\n").slice(-12).join("\n")}`,
    expected: "the DigitalOcean API and the registry answering",
    remedy:
      "free the ports that the log names (another checkout's sandbox: `npm run sandbox -- down` there), then run again",
  });
}
