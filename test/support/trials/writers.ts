import { randomUUID } from "node:crypto";

import { Endpoint, type Address, OdooError, RpcClient, StatusError } from "../endpoint";
import type { Installation } from "./installation";

/** First part of the name of every line that a writer creates. */
export const writerPrefix = "writer ";
/** Between two lines of a client: 3 of them ask Odoo some four times a second, which leaves the machine room for what is tried. */
const pauseMs = 750;

/** What a writer was told about one line that it asked for. */
export type Outcome =
  | { readonly kind: "acknowledged"; readonly token: string; readonly id: number; readonly at: number }
  | {
      readonly kind: "refused";
      readonly token: string;
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly at: number;
    }
  /** The connection ended without an answer: the line may be there or not. */
  | { readonly kind: "ambiguous"; readonly token: string; readonly code: string; readonly at: number }
  /** Nobody took the connection: the line cannot be there. */
  | { readonly kind: "unreachable"; readonly token: string; readonly code: string; readonly at: number }
  /** Odoo itself answered with an error. */
  | { readonly kind: "failed"; readonly token: string; readonly message: string; readonly at: number };

export interface Allowed {
  /**
   * Whether more than the release was broken in between, such as the host or PostgreSQL: connections may then fail more than once per
   * client, and the proxy may say that nobody is behind it. @default false
   */
  readonly outage?: boolean;
  /** Whether the release may have closed: refusals then must be there, or must not. @default either is fine */
  readonly refusals?: "some" | "none";
}

const dropped = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);
// EPROTO: a proxy that has just started, and has not read its certificate yet, ends the handshake.
const unreachable = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EPROTO"]);

/** Clients that create lines through the proxy all the time, and remember what they were told. */
export class Writers {
  readonly outcomes: Outcome[] = [];
  readonly #run = `${writerPrefix}${randomUUID().slice(0, 8)}`;
  #stopping = false;

  private constructor(
    readonly count: number,
    private readonly done: () => Promise<void>,
  ) {}

  static async start(address: Address, database: string, login: string, password: string, count = 3): Promise<Writers> {
    const clients = await Promise.all(
      Array.from({ length: count }, () => RpcClient.login(new Endpoint(address, 1), database, login, password)),
    );
    let running: Promise<unknown> = Promise.resolve();
    const writers = new Writers(count, async () => void (await running));
    running = Promise.all(clients.map((client, index) => writers.#write(client, index)));
    return writers;
  }

  /** Lines acknowledged so far. */
  get acknowledged(): number {
    return this.outcomes.filter((outcome) => outcome.kind === "acknowledged").length;
  }

  /** Ends the clients after their requests in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.done();
  }

  /** What is wrong with the database, given what the stopped clients were told: one line each. */
  async verify(odoo: Installation, allowed: Allowed = {}): Promise<string[]> {
    const text = await odoo.sql(`SELECT id, name FROM trial_ledger_line WHERE name LIKE '${this.#run}%'`);
    const rows =
      text === ""
        ? []
        : text.split("\n").map((line) => ({ id: Number(line.split("|")[0]), token: line.split("|")[1] ?? "" }));
    return unaccounted(this.outcomes, rows, this.count, allowed);
  }

  /** For messages: how many requests ended how, and the longest time without an acknowledgement in seconds. */
  summary(): string {
    const counts = new Map<string, number>();
    for (const { kind } of this.outcomes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return `${[...counts].map(([kind, count]) => `${count} ${kind}`).join(", ")}; longest gap ${this.longestGap().toFixed(1)} s`;
  }

  /** Seconds between two acknowledgements, at most: the downtime as the clients saw it. */
  longestGap(): number {
    const times = this.outcomes.filter(({ kind }) => kind === "acknowledged").map(({ at }) => at);
    return Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] ?? at))) / 1000;
  }

  async #write(client: RpcClient, index: number): Promise<void> {
    for (let count = 0; !this.#stopping; count += 1) {
      const token = `${this.#run} ${index} ${count}`;
      const outcome = await this.#ask(client, token);
      this.outcomes.push(outcome);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    client.endpoint.close();
  }

  async #ask(client: RpcClient, token: string): Promise<Outcome> {
    try {
      const id = await client.call("trial.ledger.line", "create", [{ name: token, amount: 1 }]);
      return { kind: "acknowledged", token, id: id as number, at: Date.now() };
    } catch (error) {
      const at = Date.now();
      if (error instanceof StatusError) {
        return {
          kind: "refused",
          token,
          status: error.answer.status,
          retryAfter: error.answer.headers["retry-after"],
          at,
        };
      }
      if (error instanceof OdooError) return { kind: "failed", token, message: error.message, at };
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (unreachable.has(code)) return { kind: "unreachable", token, code, at };
      if (dropped.has(code)) return { kind: "ambiguous", token, code, at };
      throw error;
    }
  }
}

/**
 * What the rows of a database and the answers that clients got do not agree on: one line each.
 * @param clients how many there were: each may lose one answer when Odoo stops
 */
export function unaccounted(
  outcomes: readonly Outcome[],
  rows: readonly { readonly id: number; readonly token: string }[],
  clients: number,
  allowed: Allowed = {},
): string[] {
  const found = new Map<string, number[]>();
  for (const { id, token } of rows) found.set(token, [...(found.get(token) ?? []), id]);
  const of = <K extends Outcome["kind"]>(kind: K) =>
    outcomes.filter((outcome): outcome is Extract<Outcome, { kind: K }> => outcome.kind === kind);
  const there = (token: string) => found.get(token) ?? [];
  const known = new Set(outcomes.map(({ token }) => token));
  const refused = of("refused");
  const outage = allowed.outage === true;
  return [
    ...of("acknowledged")
      .filter(({ token, id }) => there(token).length !== 1 || there(token)[0] !== id)
      .map(({ token, id }) => `${token}: acknowledged as ${id}, there as ${told(there(token))}`),
    ...of("ambiguous")
      .filter(({ token }) => there(token).length > 1)
      .map(({ token }) => `${token}: there as ${told(there(token))}`),
    ...[...refused, ...of("unreachable"), ...of("failed")]
      .filter(({ token }) => there(token).length > 0)
      .map(({ token, kind }) => `${token}: ${kind}, and there as ${told(there(token))}`),
    ...counted(
      refused
        .filter(
          ({ status, retryAfter }) =>
            !(status === 503 && /^\d+$/.test(retryAfter ?? "")) && !(outage && [502, 504].includes(status)),
        )
        .map(({ status, retryAfter }) => `refused with ${status} and Retry-After ${retryAfter ?? "missing"}`),
    ),
    ...(outage ? [] : counted(of("unreachable").map(({ code }) => `connections failed with ${code}`))),
    ...(outage ? [] : counted(of("failed").map(({ message }) => `Odoo answered ${message}`))),
    ...[...found.keys()].filter((token) => !known.has(token)).map((token) => `${token}: nobody asked for it`),
    ...(of("ambiguous").length > clients && !outage
      ? [`${of("ambiguous").length} connections of ${clients} clients ended without an answer`]
      : []),
    ...(allowed.refusals === "none" && refused.length > 0
      ? [`${refused.length} requests were refused, and none should have been`]
      : []),
    ...(allowed.refusals === "some" && refused.length === 0
      ? ["no request was refused: the release did not close, or nobody wrote"]
      : []),
    ...(of("acknowledged").length === 0 ? ["no line was ever acknowledged: nobody wrote"] : []),
  ];
}

/** Equal lines once, with their number in front: a proxy that answers wrongly does so hundreds of times. */
function counted(lines: readonly string[]): string[] {
  return [...new Set(lines)].map((line) => `${lines.filter((other) => other === line).length} times: ${line}`);
}

function told(ids: readonly number[]): string {
  return ids.length === 0 ? "nothing" : ids.join(" and ");
}
