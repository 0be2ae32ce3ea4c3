import type { DiffResponse } from "@pulumi/pulumi/proto/provider_pb";
import type { EngineLog } from "./engine-log";
import type { ResourceProtocol } from "./protocol";
import type { Failure, Properties } from "./schema";
import type { Value, ValueMap } from "./values";

/** Which names of the npm SDK describe a resource or function, so that a test can compare them. */
export interface SdkNames {
  /** File of the type declarations, relative to the package. */
  readonly file: string;
  /** Interface of the inputs. */
  readonly args: string;
  /** Class of a resource, or interface of a function's result. */
  readonly result: string;
}

/** What a handler gets: plain inputs (no secret marks), a signal for Cancel, and a way to show progress. */
export interface Call {
  readonly urn: string;
  /** Name of the resource in the program. */
  readonly name: string;
  readonly inputs: ValueMap;
  readonly signal: AbortSignal;
  /** A passing line of progress. */
  progress(line: string): void;
  /** A line that stays in the output. */
  info(line: string): void;
}

/** A call on a resource that exists. */
export interface ExistingCall extends Call {
  readonly id: string;
  /** What the state holds, plain. */
  readonly old: { readonly inputs: ValueMap; readonly outputs: ValueMap };
}

/** What a row's own check found, and the inputs that it computed. */
export interface Checked {
  readonly failures: readonly Failure[];
  readonly add: ValueMap;
}

/** What a resource is after the call. `outputs` are plain; the base marks secrets. */
export interface Outcome {
  readonly id: string;
  readonly outputs: ValueMap;
}

/** Thrown by `create` when the resource exists but is not as it should be: the state keeps it, and the next update goes on with it. */
export class Unfinished extends Error {
  constructor(
    readonly outcome: Outcome,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** One resource type: its row of facts and what is done for it. */
export interface Resource {
  readonly token: string;
  readonly sdk: SdkNames;
  readonly inputs: Properties;
  readonly outputs: Properties;
  /** Input that gets `<resource name>-<7 hex digits>` when the program gives none. */
  readonly autoName?: string;
  /** A replacement with the same value here would meet its predecessor: the old one goes first. */
  readonly uniqueBy?: string;
  /** Outputs that an update may change: unknown in its preview. Default: all. */
  readonly updateChanges?: readonly string[];
  /** Outputs are secret as soon as any input is. */
  readonly outputsFollowSecrets?: true;
  /** The state keeps the inputs under this name, as one secret, instead of beside the outputs. */
  readonly inputsKey?: string;
  /** Refusals beyond types, and inputs to add (computed ones). Must not change anything outside. */
  check?(call: Call): Promise<Checked>;
  /** Whether this changed input matters. Default: yes. */
  differs?(name: string, old: Value | undefined, now: Value | undefined): boolean;
  /** Whether this change of an input makes a new resource although its row does not say so in general. */
  replaces?(name: string, old: Value | undefined, now: Value | undefined): boolean;
  create(call: Call): Promise<Outcome>;
  /** `undefined`: it is gone. Default: the state as it is. */
  read?(call: ExistingCall): Promise<Outcome | undefined>;
  update(call: ExistingCall): Promise<ValueMap>;
  delete(call: ExistingCall): Promise<void>;
}

/** One function of a provider. */
export interface ProviderFunction {
  readonly token: string;
  readonly sdk: SdkNames;
  readonly inputs: Properties;
  readonly outputs: Properties;
  invoke(inputs: ValueMap, signal: AbortSignal): Promise<ValueMap>;
}

/** A provider: its configuration and its tables. */
export interface Provider {
  readonly name: string;
  readonly config: Properties;
  readonly resources: readonly Resource[];
  readonly functions: readonly ProviderFunction[];
  configure(config: ValueMap): void;
  /** Serves types that are not a table, in the place of `resources`. */
  protocol?(log: EngineLog, cancelled: AbortSignal): ResourceProtocol;
  /** What a changed configuration does to the provider and so to its resources. Default: nothing. */
  diffConfig?(old: ValueMap, now: ValueMap): DiffResponse;
}
