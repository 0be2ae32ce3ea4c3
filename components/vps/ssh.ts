import { Client, type ClientChannel } from "ssh2";

import { ShipError } from "../shared/errors";
import type { Secret } from "../shared/secret";
import { algorithmsOf, fingerprint, keyType, publicKeyOf, sameKey, textOf } from "./ssh-keys";

/** Address of a host's SSH server, and the user who logs in. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

export interface HostAccess extends HostAddress {
  /** Private key in OpenSSH's or PEM format, without a passphrase. */
  readonly privateKey: Secret;
  /**
   * `ssh-ed25519 AAAA…`; undefined only for a caller that proves the key it saw in another way, as ops/vps-host-key.ts.
   */
  readonly hostKey: string | undefined;
  /** From the first packet to the login. @default 15,000 */
  readonly connectMs?: number;
}

export interface ExecOptions {
  /** Sent to the command's standard input. */
  readonly stdin?: string;
  /** The command's whole time. @default 60,000 */
  readonly limitMs?: number;
}

export interface ExecResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A login on a host by SSH, its key pinned. */
export class HostConnection {
  private constructor(
    private readonly client: Client,
    private readonly address: HostAddress,
    /** The key that the host proved to have, `ssh-ed25519 AAAA…`. */
    readonly hostKey: string,
  ) {}

  /**
   * @throws ShipError HOST_UNREACHABLE (no such name, refused, no answer in time), HOST_KEY_MISMATCH,
   *   HOST_LOGIN_REFUSED; SETTINGS_INVALID for a private key or a host key that is none
   */
  static async connect(access: HostAccess): Promise<HostConnection> {
    const { privateKey, hostKey: expected, connectMs = 15_000 } = access;
    publicKeyOf(privateKey);
    const type = expected === undefined ? undefined : keyType(expected);
    const client = new Client();
    return new Promise((resolve, reject) => {
      let seen: string | undefined;
      let failed = false;
      const fail = (error: ShipError) => {
        failed = true;
        clearTimeout(limit);
        client.destroy();
        reject(error);
      };
      const limit = setTimeout(() => fail(unreachable(access, `no SSH login within ${connectMs / 1000} s`)), connectMs);
      client.on("ready", () => {
        if (failed || seen === undefined) {
          return;
        }
        clearTimeout(limit);
        // A command is several small messages. Otherwise each would wait for the answer to the one before.
        client.setNoDelay(true);
        resolve(new HostConnection(client, access, seen));
      });
      // This listener stays for the connection's whole life: an error event without one would end the process.
      client.on("error", (error) => {
        if (!failed) {
          fail(describe(access, error, seen));
        }
      });
      client.on("close", () => {
        if (!failed) {
          fail(unreachable(access, "the connection was closed before the login"));
        }
      });
      client.connect({
        host: access.host,
        port: access.port,
        username: access.user,
        privateKey: privateKey.reveal(),
        authHandler: ["publickey"],
        readyTimeout: connectMs,
        keepaliveInterval: 10_000,
        keepaliveCountMax: 3,
        // A server has keys of several types. The pinned one can be compared only if it is the one that the server
        // shows.
        algorithms: { serverHostKey: algorithmsOf(type ?? "ssh-ed25519") },
        hostVerifier: (blob: Buffer) => {
          seen = textOf(blob);
          return expected === undefined || sameKey(seen, expected);
        },
      });
    });
  }

  /**
   * Runs a command in the user's login shell. Its standard input is in no list of processes; `command` is.
   * @throws ShipError HOST_UNREACHABLE when the connection is lost, or the command takes longer than its time
   */
  exec(command: string, { stdin, limitMs = 60_000 }: ExecOptions = {}): Promise<ExecResult> {
    return new Promise((resolve, reject) => {
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      let status: number | undefined;
      let signal: string | undefined;
      const lost = (found: string) => {
        clearTimeout(limit);
        this.client.off("close", onClose);
        this.client.off("error", onError);
        reject(unreachable(this.address, found));
      };
      const onClose = () => lost("the connection was lost while a command ran");
      const onError = (error: Error) => lost(`the connection was lost while a command ran: ${error.message}`);
      const limit = setTimeout(() => {
        lost(`a command did not end within ${limitMs / 1000} s`);
        this.client.destroy();
      }, limitMs);
      this.client.once("close", onClose);
      this.client.once("error", onError);
      const opened = this.#open(command, (error, stream) => {
        if (error !== undefined) {
          lost(`no command can be started: ${error.message}`);
          return;
        }
        stream.on("data", (data: Buffer) => stdout.push(data));
        stream.stderr.on("data", (data: Buffer) => stderr.push(data));
        // A command that ends without reading its input is not an error.
        stream.on("error", () => undefined);
        stream.on("exit", (code: number | null, by?: string) => {
          status = code ?? undefined;
          signal = by;
        });
        stream.on("close", () => {
          if (status === undefined && signal === undefined) {
            lost("the connection was lost while a command ran");
            return;
          }
          clearTimeout(limit);
          this.client.off("close", onClose);
          this.client.off("error", onError);
          const text = (parts: Buffer[]) => Buffer.concat(parts).toString("utf8");
          resolve({
            status: status ?? 255,
            stdout: text(stdout),
            stderr: text(stderr) + (signal === undefined ? "" : `ended by ${signal}\n`),
          });
        });
        stream.end(stdin ?? "");
      });
      if (opened !== undefined) {
        lost(opened);
      }
    });
  }

  end(): void {
    this.client.end();
  }

  /** Opens a stream. If the connection is gone already ssh2 throws and never calls back: this returns what it threw. */
  #open(command: string, callback: (error: Error | undefined, stream: ClientChannel) => void): string | undefined {
    try {
      this.client.exec(command, callback);
      return undefined;
    } catch (error) {
      return `the connection is gone: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

/** Tells what ssh2's errors mean. They carry `level`, and a socket's `code`. */
function describe(
  access: HostAccess,
  error: Error & { level?: string; code?: string },
  seen: string | undefined,
): ShipError {
  const { hostKey: expected } = access;
  if (expected !== undefined && seen !== undefined && !sameKey(seen, expected)) {
    return keyMismatch(access, `${fingerprint(seen)} (${seen})`, expected);
  }
  if (error.message.includes("no matching host key format")) {
    return keyMismatch(access, "a host without a key of that type", expected);
  }
  if (error.level === "client-authentication") {
    return new ShipError({
      code: "HOST_LOGIN_REFUSED",
      summary: `the host refuses the login of ${access.user}`,
      found: `${place(access)} does not take the key ${fingerprint(publicKeyOf(access.privateKey))}`,
      expected: `the line "${publicKeyOf(access.privateKey)}" in ~${access.user}/.ssh/authorized_keys`,
      remedy: "add that line on the host, or correct vps:user and vps:privateKey; then run the same command again",
    });
  }
  return unreachable(access, reasonOf(error));
}

function reasonOf(error: Error & { code?: string }): string {
  return reasons[error.code ?? ""] ?? error.message;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused: no SSH server there",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name is not known",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the host",
};

function keyMismatch(access: HostAddress, found: string, expected: string | undefined): ShipError {
  return new ShipError({
    code: "HOST_KEY_MISMATCH",
    summary: `${place(access)} is not the host that this stack knows; nothing was sent there`,
    found,
    expected: expected === undefined ? "a host with an ed25519 key" : `${fingerprint(expected)} (${expected})`,
    remedy:
      "if the host was made anew, read its key on its own console (cat /etc/ssh/ssh_host_ed25519_key.pub) and " +
      "set vps:hostKey; " +
      "if it was not, somebody else answers at this address: find out who before you go on",
  });
}

function unreachable(access: HostAddress, found: string): ShipError {
  return new ShipError({
    code: "HOST_UNREACHABLE",
    summary: `the host ${place(access)} does not answer by SSH`,
    found,
    expected: `an SSH server at ${access.host}, port ${access.port}`,
    remedy:
      "check that the host is up, its address (vps:host, vps:port), and that its firewall lets this machine in " +
      "(vps:sshFrom); then run again",
  });
}

function place({ host, port }: HostAddress): string {
  return port === 22 ? host : `${host}:${port}`;
}
