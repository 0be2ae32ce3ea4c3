import { type CommandHandler, type CommandOutcome, SshServer } from "./ssh-server";
import { sshKeyPair } from "../../sandbox/support/ssh-key";

/** What `odoo-ship status --json` answers, one after the other; the last one stays. With `stderr` alone it fails. */
export type StatusAnswers = readonly (object | "connection lost" | "no worker")[];

/** A host made of paper behind a real SSH server: it answers the commands that a deployment consists of, and does nothing. */
export class PaperVps {
  readonly server: SshServer;
  report: Record<string, string> = {
    os: "Debian GNU/Linux 13 (trixie)",
    systemd: "running",
    root: "sudo",
    python: "3.13.5",
    client: "26.1.5",
    docker: "26.1.5",
    compose: "2.26.1",
    "disk:/var/lib/docker": "40000000000",
    "disk:/var/lib": "40000000000",
    memory: "3916",
    cpus: "2",
  };
  /** What the set-up of the host has noted, one after the other. */
  setup: string[] = [];
  /** What it shows as the proof of its key, one after the other. */
  proofs: string[] = [];
  /** Without any, the host does as it is told, at once. */
  statuses: StatusAnswers = [];
  /** What it runs. */
  live: { readonly image: string; readonly digest: string; readonly since: string; readonly release: string } | null =
    null;
  receive: CommandOutcome = { status: 0, stdout: '{"request": "0123456789abcdef", "state": "queued"}\n' };
  #asked = 0;

  /** @param user whose key it lets in; two hosts of one team may have the same */
  constructor(readonly user = sshKeyPair()) {
    this.server = new SshServer(this.user.publicKey, this.#answer);
  }

  /** What its worker tells of its releases; a text is a complaint in its place. */
  history: object | string = "odoo-ship: error: argument command: invalid choice: 'releases'";

  /** What the login shell prints before each command. */
  greeting = "";

  /** The requests that it was sent. */
  get requests(): { readonly worker: Record<string, string>; readonly request: Record<string, unknown> }[] {
    return this.server.commands
      .filter(({ command }) => command.includes("python3 -c"))
      .map(({ stdin }) => JSON.parse(stdin) as { worker: Record<string, string>; request: Record<string, unknown> });
  }

  readonly #answer: CommandHandler = (command, stdin) => {
    if (command === "sh -s" && stdin.includes("odoo-ship releases")) {
      return typeof this.history === "string"
        ? { status: 2, stderr: `${this.history}\n` }
        : { status: 0, stdout: `${this.greeting}${JSON.stringify(this.history)}\n` };
    }
    if (command.startsWith("sh -s")) {
      const lines = Object.entries({ ...this.report, time: String(Math.floor(Date.now() / 1000)) });
      return stdin === ""
        ? { status: 2 }
        : { status: 0, stdout: this.greeting + lines.map(([key, value]) => `${key}=${value}\n`).join("") };
    }
    if (command.includes("/state")) {
      const state = (this.setup.length > 1 ? this.setup.shift() : this.setup[0]) ?? "";
      return { status: 0, stdout: this.greeting + (state === "" ? "" : `setup=${state}\n`) };
    }
    if (command.includes("/proof")) {
      const proof = (this.proofs.length > 1 ? this.proofs.shift() : this.proofs[0]) ?? "";
      return { status: proof === "" ? 1 : 0, stdout: `${this.greeting}proof=${proof}\n` };
    }
    if (command.startsWith("tail ")) {
      return { status: 0, stdout: "E: Unable to locate package docker.io\n" };
    }
    if (command.includes("python3 -c")) {
      const { id, image } = (JSON.parse(stdin) as { request: { id: string; image: string } }).request;
      this.live = { image, digest: image.split("@")[1] ?? "", since: "2026-11-21T10:00:00Z", release: id };
      return this.receive;
    }
    if (command.includes("odoo-ship status") && (this.live !== null || !command.startsWith("test ! -x"))) {
      const obedient = {
        request: { id: this.live?.release, state: "succeeded", step: "committed", warnings: [] },
        live: this.live,
      };
      const answer = this.statuses[Math.min(this.#asked++, this.statuses.length - 1)] ?? obedient;
      if (answer === "connection lost") {
        return answer;
      }
      if (typeof answer === "object" && "stderr" in answer) {
        return { status: 1, stderr: String(answer.stderr) };
      }
      return answer === "no worker"
        ? { status: 127, stderr: "not found\n" }
        : { status: 0, stdout: `${this.greeting}${JSON.stringify(answer)}\n` };
    }
    if (command.startsWith("test ! -x")) {
      return { status: 0 };
    }
    return { status: 127, stderr: `the paper host knows no ${command}\n` };
  };
}
