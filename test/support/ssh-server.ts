import { spawn } from "node:child_process";
import type { AddressInfo } from "node:net";

import ssh2, { type Connection, type ServerChannel } from "ssh2";

import { sshKeyPair } from "../../sandbox/support/ssh-key";

const { Server, utils } = ssh2;

/** How a command ends: by itself, or with the connection. */
export type CommandOutcome =
  { readonly status: number; readonly stdout?: string; readonly stderr?: string } | "connection lost" | "never";
export type CommandHandler = (command: string, stdin: string) => CommandOutcome | Promise<CommandOutcome>;

/** Runs a command with this machine's shell, as the login shell of a host would. */
export const runHere: CommandHandler = (command, stdin) =>
  new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", command], { stdio: "pipe" });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.on("error", reject);
    child.on("close", (status) => resolve({ status: status ?? 255, stdout, stderr }));
  });

/** An SSH server on a free port of the loopback interface that takes one user's key and answers commands as it is told. */
export class SshServer {
  readonly hostKey: string;
  readonly commands: { readonly command: string; readonly stdin: string }[] = [];
  logins = 0;
  handler: CommandHandler;
  readonly #open = new Set<Connection>();
  readonly #server: InstanceType<typeof Server>;

  constructor(authorizedKey: string, handler: CommandHandler, hostKeys: string[] = []) {
    const own = sshKeyPair();
    this.hostKey = own.publicKey;
    this.handler = handler;
    this.#server = new Server({ hostKeys: [own.privateKey, ...hostKeys] }, (connection) =>
      this.#serve(connection, authorizedKey),
    );
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  start(port = 0, address = "127.0.0.1"): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, address, () => resolve());
    });
  }

  /** Cuts every connection, as a network that fails. */
  cut(): void {
    for (const connection of this.#open) {
      connection.end();
    }
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #serve(connection: Connection, authorizedKey: string): void {
    this.#open.add(connection);
    connection.on("error", () => undefined);
    // Not in its types.
    (connection as Connection & { setNoDelay: (noDelay: boolean) => void }).setNoDelay(true);
    connection.on("close", () => this.#open.delete(connection));
    connection.on("authentication", (context) => {
      const known = utils.parseKey(authorizedKey);
      const key = (Array.isArray(known) ? known[0] : known) as Exclude<typeof known, Error | unknown[]>;
      if (context.method !== "publickey" || !context.key.data.equals(key.getPublicSSH())) {
        context.reject(["publickey"]);
      } else if (
        context.signature !== undefined &&
        key.verify(context.blob as Buffer, context.signature, context.hashAlgo) !== true
      ) {
        context.reject();
      } else {
        context.accept();
      }
    });
    connection.on("ready", () => {
      this.logins += 1;
      connection.on("session", (accept) => {
        accept().on("exec", (acceptExec, _reject, { command }) => this.#exec(connection, acceptExec(), command));
      });
    });
  }

  #exec(connection: Connection, channel: ServerChannel, command: string): void {
    let stdin = "";
    channel.on("data", (data: Buffer) => (stdin += data.toString()));
    channel.on("end", () => {
      this.commands.push({ command, stdin });
      void Promise.resolve(this.handler(command, stdin)).then((outcome) => {
        if (outcome === "connection lost") {
          connection.end();
        } else if (outcome !== "never") {
          channel.write(outcome.stdout ?? "");
          channel.stderr.write(outcome.stderr ?? "");
          channel.exit(outcome.status);
          channel.end();
        }
      });
    });
  }
}
