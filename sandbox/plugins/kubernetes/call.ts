import type { EngineLog } from "../engine-log";
import { InitFailure } from "../messages";
import { redactor } from "../redactor";
import { secretStrings, type ValueMap } from "../values";
import { NotReady } from "./await/await";
import { kindOfUrn, type Kind } from "./kinds";
import { messageOf } from "./objects";

/** One call on a resource: what it is about, and how to talk of it without its secrets. */
export class Call {
  readonly kind: Kind;
  private readonly redact: (text: string) => string;

  /** `marked`: values with secrets in them. Throws when the engine has cancelled, or the type is none of the API. */
  constructor(
    readonly urn: string,
    private readonly log: EngineLog,
    readonly cancelled: AbortSignal,
    ...marked: readonly ValueMap[]
  ) {
    this.cancelled.throwIfAborted();
    this.kind = kindOfUrn(urn);
    this.redact = redactor(marked.flatMap((value) => secretStrings(value)));
  }

  /** Name of the resource in the program. */
  get name(): string {
    return this.urn.split("::").slice(3).join("::");
  }

  /** A passing line of progress. */
  readonly progress = (line: string): void => this.log.write(this.urn, this.redact(line), true);

  /** A line that stays. */
  readonly info = (line: string): void => this.log.write(this.urn, this.redact(line), false);

  /** An error for the engine. */
  failure(what: string, error: unknown): Error {
    return new Error(this.redact(`${what}: ${this.cancelled.aborted ? "cancelled" : messageOf(error)}`), {
      cause: error,
    });
  }

  /** An error of an object that exists: the engine keeps its state, and updates it the next time. */
  unfinished(
    error: unknown,
    message: string,
    kept: { readonly id: string; readonly state: ValueMap; readonly inputs: ValueMap },
  ): InitFailure {
    const reasons = error instanceof NotReady ? error.reasons : [];
    return new InitFailure(this.redact(message), kept.id, kept.state, kept.inputs, reasons.map(this.redact));
  }
}
