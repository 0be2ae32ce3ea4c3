import { type ErrorCode, type Failure, ShipError } from "../components/shared/errors";
import type { ToolName } from "./tools/table";

/** What an operator does about a code that a gate can end in. docs/SOP-BUILD-001.md is made of these. */
export interface CodeNote {
  /** What raises it here. */
  readonly when: string;
  /** The next step. */
  readonly remedy: string;
}

/** One of the checks between an image and its release: it ends in a pass, or throws a ShipError with one code. */
export interface Gate<Order> {
  /** What it looks at, in a few words. */
  readonly title: string;
  /** Whether a stack may be without it: then its report does not name it. @default false */
  readonly optional?: boolean;
  /** Seconds that it may take before its report warns. */
  readonly budgetSeconds: number;
  /** Codes that it can end in. */
  readonly codes: Readonly<Partial<Record<ErrorCode, CodeNote>>>;
  /**
   * Runs the check. It changes nothing that anyone uses, so it can be killed and run again.
   * @throws ShipError
   */
  run(order: Order, tools: GateTools): Promise<Passed>;
}

/** What a check gets beside its order. */
export interface GateTools {
  /** Folder of the project. */
  readonly root: string;
  /** Says in one line what is under way. */
  say(line: string): void;
  /**
   * Path of a program that the check needs. Where it is missing, a staging or production stack fails; another stack is
   * told that this part was not checked, and the answer is undefined.
   * @throws ShipError TOOL_MISSING
   */
  find(tool: ToolName): Promise<string | undefined>;
  /**
   * Takes it that a part cannot be checked: a staging or production stack fails with the error, another stack is told
   * that this part was not checked.
   * @throws ShipError the one that is given
   */
  cannotCheck(error: ShipError): void;
  /** Tells any stack that a part was not checked, and why. */
  notChecked(why: string): void;
}

/** Facts for the report, such as sizes in bytes. */
export type Facts = Readonly<Record<string, number | string | readonly string[]>>;

/** A gate's failure that has facts for the report all the same. */
export class GateFailure extends ShipError {
  constructor(
    failure: Failure,
    readonly facts: Facts,
  ) {
    super(failure);
  }
}

export interface Passed {
  readonly facts: Facts;
  /** Findings that do not stop a release, one sentence each. */
  readonly warnings: readonly string[];
}

/** What the report has of a gate. It stands in the stack's state, so it is short, and nothing in it is secret. */
export interface GateResult extends Passed {
  readonly gate: string;
  /** `incomplete`: a part was not checked, as {@link notChecked} says. That is never a pass. */
  readonly outcome: "passed" | "incomplete";
  readonly notChecked: readonly string[];
  readonly seconds: number;
}
