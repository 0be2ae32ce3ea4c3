import { type Asked, reportOf, type TargetReport, unread } from "../odoo/history";
import { ShipError } from "../shared/errors";
import { workerCommand } from "./client";
import { sshPort } from "./names";
import { type HostAccess, HostConnection } from "./ssh";

/** It asks by standard input, so the login shell may be any. */
const question = `[ -x ${workerCommand} ] || { echo 'nothing was deployed there yet' >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then root=; else root='sudo -n'; fi
$root ${workerCommand} releases
`;

const limitMs = 120_000;

/** Asks the host for the releases that it has run. Reads alone; undefined for `vps:mode` none. */
export async function hostHistory({ settings, outputs }: Asked): Promise<TargetReport | undefined> {
  if (settings.vps.mode === "none") {
    return undefined;
  }
  const access = accessOf(settings.vps, outputs);
  if (access === undefined) {
    return unread("vps", "the stack does not know its host yet: `pulumi up` makes it");
  }
  try {
    const connection = await HostConnection.connect(access);
    try {
      const { stdout, stderr } = await connection.exec("sh -s", { stdin: question, limitMs });
      return reportOf("vps", stdout, silent(stderr));
    } finally {
      connection.end();
    }
  } catch (error) {
    if (!(error instanceof ShipError)) throw error;
    return unread("vps", `${error.code}: ${error.failure.summary}: ${error.failure.found}`);
  }
}

function silent(stderr: string): string {
  if (stderr.includes("invalid choice: 'releases'")) {
    return "its worker cannot tell releases yet: the next `pulumi up` brings one that can";
  }
  // Of a failure of the worker the code stands first, of any other the reason last.
  const failure = /^[A-Z][A-Z_]+: [^]*/m.exec(stderr)?.[0].trim().split("\n");
  const words = failure ?? stderr.trim().split("\n").slice(-3);
  return words.map((line) => line.trim()).join("; ") || "its worker says nothing";
}

/** Returns how to log in to the host: that of the settings, or the one that the last update made. */
function accessOf(
  { mode, host, port, user, hostKey, privateKey }: Asked["settings"]["vps"],
  { vpsAddress, vpsHostKey }: Asked["outputs"],
): HostAccess | undefined {
  if (privateKey === undefined) {
    return undefined;
  }
  if (mode === "adopt") {
    return { host, port, user, hostKey, privateKey };
  }
  return typeof vpsAddress === "string" && typeof vpsHostKey === "string"
    ? { host: vpsAddress, port: sshPort, user, hostKey: vpsHostKey, privateKey }
    : undefined;
}
