import { setTimeout as sleep } from "node:timers/promises";

import { setupDirectory, setupLog } from "./droplet-user-data";
import { ShipError } from "../shared/errors";
import { jsonLine } from "../shared/json-line";
import { type HostAccess, HostConnection } from "./ssh";
import { probeHost } from "./probe";
import type { HostRequest } from "./request";
import type { WorkerFiles } from "../odoo/worker-files";

/** Limits of waiting for a host. Milliseconds. */
export interface HostPatience {
  /** Until the host answers. */
  readonly readyMs: number;
  /** Until the set-up of a host that answers has ended. */
  readonly setupMs: number;
  /** Without contact to a host that has begun to deploy: a reboot, a network that fails. */
  readonly lostMs: number;
  /**
   * For the whole release, if the data ask for no more. The worker has limits of its own; this one is for a worker that
   * never ends.
   */
  readonly releaseMs: number;
  readonly pollMs: number;
}

/** The part of a request that concerns who sends it. */
export type Deployable = Pick<HostRequest, "id" | "image" | "dataDirectory" | "url"> & {
  readonly release: Pick<HostRequest["release"], "upgradeSeconds">;
};

export interface WorkerFailure {
  readonly code: string;
  readonly summary: string;
  readonly found?: string;
  readonly expected?: string;
  readonly remedy?: string;
  readonly log?: string;
}

/** `odoo-ship status --json`. */
export interface WorkerStatus {
  readonly request?: {
    readonly id: string;
    readonly state: "queued" | "running" | "succeeded" | "failed" | null;
    readonly step?: string | null;
    readonly message?: string;
    /** Seconds that all its steps may take together, by the size of the data; null until that is known. */
    readonly patience?: number | null;
    readonly error?: WorkerFailure | null;
    readonly warnings?: readonly string[];
  } | null;
  readonly live: {
    readonly image: string;
    readonly digest: string;
    readonly since: string;
    readonly release?: string;
  } | null;
}

/**
 * Reads `odoo-ship status --json`.
 * @throws SyntaxError
 */
export function parseStatus(text: string): WorkerStatus {
  return JSON.parse(jsonLine(text)) as WorkerStatus;
}

/** Failure as the worker tells it, whole: it may have codes that this program does not know. */
export class WorkerError extends Error {
  constructor(failure: WorkerFailure | string) {
    super(typeof failure === "string" ? failure : textOf(failure));
    this.name = "WorkerError";
  }
}

/** Path of the worker's command, for root. */
export const workerCommand = "/usr/local/bin/odoo-ship";
/** Quotes a word for a POSIX shell. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Deploys to a host by its release worker: short commands only, so that a connection may fail at any time. */
export class VpsClient {
  #connection: HostConnection | undefined;
  #asRoot = "";

  constructor(
    private readonly access: HostAccess,
    private readonly patience: HostPatience,
    private readonly tell: (line: string) => void,
  ) {}

  /**
   * Waits until the host answers and its set-up is over, then looks whether it can run Odoo.
   * @throws ShipError as HostConnection.connect and judgeHost
   */
  async ready(request: Deployable): Promise<void> {
    const setup = await this.#setUp();
    try {
      const facts = await this.#reached(this.patience.readyMs, (connection) =>
        probeHost(connection, this.access.host, { mount: request.dataDirectory ?? undefined }),
      );
      this.#asRoot = facts.asRoot;
      this.tell(`${this.access.host}: ${facts.os}, Docker ${facts.docker}, ${facts.cpus} CPUs, ${facts.memoryMiB} MiB`);
    } catch (error) {
      throw error instanceof ShipError && setup !== "done" && setup !== ""
        ? await this.#afterSetUp(error, setup)
        : error;
    }
  }

  /**
   * Hands the worker and the request over; the host goes on by itself from here.
   * @throws WorkerError for a request that the worker refuses
   */
  async send({ files, bootstrap }: WorkerFiles, request: Deployable): Promise<void> {
    const stdin = JSON.stringify({ worker: files, request });
    const { status, stdout, stderr } = await this.#reached(this.patience.lostMs, (connection) =>
      connection.exec(`${this.#asRoot}python3 -c ${quote(bootstrap)}`, { stdin, limitMs: 180_000 }),
    );
    if (status !== 0) {
      throw /^[A-Z][A-Z_]+: /.test(stderr)
        ? new WorkerError(stderr.trim())
        : broken("the host did not take the request", stderr || stdout);
    }
  }

  /**
   * Tells each step until the request has ended.
   * @throws WorkerError with the release's failure; ShipError HOST_UNREACHABLE, DEPLOY_FAILED
   */
  async follow(request: Deployable): Promise<WorkerStatus> {
    const began = Date.now();
    let told = "";
    let toldAt = Date.now();
    for (;;) {
      const status = await this.#status(request.id);
      const { state = null, step, message = "", patience, error } = status.request ?? {};
      if (state === "succeeded") {
        return status;
      }
      if (state === "failed") {
        throw new WorkerError(
          error ?? `DEPLOY_FAILED: the release failed, and the host does not say why; on the host: odoo-ship logs`,
        );
      }
      if (state === null) {
        throw broken("the host does not know this release any more", `no request ${request.id} on the host`);
      }
      const doing = [step ?? state, message].filter((part) => part !== "").join(": ");
      if (doing !== told || Date.now() - toldAt > 60_000) {
        this.tell(doing === told ? `still at: ${doing}` : doing);
        told = doing;
        toldAt = Date.now();
      }
      const limitMs = Math.max(this.patience.releaseMs, (patience ?? 0) * 1000);
      if (Date.now() - began > limitMs) {
        const limit = `${Math.round(limitMs / 60_000)} minutes`;
        throw broken(
          `the release did not end within ${limit}`,
          error === null || error === undefined ? `still at: ${doing}` : `still at: ${doing}\n${textOf(error)}`,
        );
      }
      await sleep(this.patience.pollMs);
    }
  }

  close(): void {
    this.#connection?.end();
    this.#connection = undefined;
  }

  /** Waits for the set-up of a new host, and returns its last state; empty for a host that Pulumi did not set up. */
  async #setUp(): Promise<string> {
    const end = Date.now() + this.patience.setupMs;
    let told = "";
    for (;;) {
      const { stdout } = await this.#reached(this.patience.readyMs, (connection) =>
        connection.exec(`sed -n '1s/^/setup=/p' ${setupDirectory}/state 2>/dev/null`),
      );
      const state = /^setup=(.*)$/m.exec(stdout)?.[1]?.trim() ?? "";
      if (state === "" || state === "done" || state.startsWith("failed:") || Date.now() > end) {
        return state;
      }
      if (state !== told) {
        this.tell(`setting up the host: ${state}`);
        told = state;
      }
      await sleep(this.patience.pollMs);
    }
  }

  async #afterSetUp(error: ShipError, setup: string): Promise<ShipError> {
    const log = await this.#reached(this.patience.lostMs, (connection) =>
      connection.exec(`tail -n 25 ${setupLog} 2>&1`),
    );
    const { failure } = error;
    return new ShipError({
      ...failure,
      found:
        `${failure.found}\nthe host's set-up is not done (${setup}); the end of ` +
        `${setupLog}:\n${log.stdout.trim()}`,
      remedy: `mend what the log names, or remove the Droplet so that it is made anew\n${failure.remedy}`,
    });
  }

  async #status(id: string): Promise<WorkerStatus> {
    for (let attempt = 1; ; attempt++) {
      const { stdout, stderr } = await this.#reached(this.patience.lostMs, (connection) =>
        connection.exec(`${this.#asRoot}${workerCommand} status --json --request ${quote(id)}`),
      );
      try {
        return parseStatus(stdout);
      } catch {
        // Nothing mends it while it is waited for.
        const damage = /^STATE_DAMAGED: [^]*/m.exec(stderr)?.[0];
        if (damage !== undefined) {
          throw new WorkerError(damage.trim());
        }
        if (attempt >= 5) {
          throw broken("the worker does not say how far it is", stderr || stdout);
        }
        await sleep(this.patience.pollMs);
      }
    }
  }

  /**
   * Runs an action on a connection. If the connection is lost, runs it again on a new one, until there was no contact
   * for `limitMs`.
   */
  async #reached<T>(limitMs: number, action: (connection: HostConnection) => Promise<T>): Promise<T> {
    const begun = Date.now();
    let toldAt: number | undefined;
    for (;;) {
      try {
        this.#connection ??= await HostConnection.connect(this.access);
        if (toldAt !== undefined) {
          this.tell("the host answers");
          toldAt = undefined;
        }
        return await action(this.#connection);
      } catch (error) {
        this.close();
        const passed = Date.now() - begun;
        if (!(error instanceof ShipError) || error.code !== "HOST_UNREACHABLE" || passed >= limitMs) {
          throw error;
        }
        if (toldAt === undefined || Date.now() - toldAt > 30_000) {
          this.tell(
            `no contact with ${this.access.host} (${error.failure.found}); trying again for up to ` +
              `${Math.ceil((limitMs - passed) / 1000)} s`,
          );
          toldAt = Date.now();
        }
        await sleep(Math.min(this.patience.pollMs, limitMs));
      }
    }
  }
}

/** Renders the failure as it reads on a terminal, the log's end last. */
function textOf(failure: WorkerFailure): string {
  const part = (name: "found" | "expected" | "remedy") =>
    failure[name] ? [`  ${`${name}:`.padEnd(9)} ${failure[name].replaceAll("\n", "\n            ")}`] : [];
  const log = failure.log ? ["  log:", ...failure.log.split("\n").map((line) => `    ${line}`)] : [];
  return [`${failure.code}: ${failure.summary}`, ...part("found"), ...part("expected"), ...part("remedy"), ...log].join(
    "\n",
  );
}

function broken(summary: string, found: string): ShipError {
  return new ShipError({
    code: "DEPLOY_FAILED",
    summary,
    found: found.trim().split("\n").slice(-20).join("\n") || "nothing",
    expected: "a release that the worker on the host carries out and reports",
    remedy:
      "on the host: odoo-ship status, odoo-ship logs; what runs there is told by the first. Then run the same " +
      "command again",
  });
}
