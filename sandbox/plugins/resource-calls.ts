import { randomBytes } from "node:crypto";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { EngineLog } from "./engine-log";
import { checkResponse, InitFailure } from "./messages";
import { redactor } from "./redactor";
import { Unfinished, type Call, type Checked, type ExistingCall, type Resource } from "./resource";
import { applySchema, findFailures } from "./schema";
import {
  fromStruct,
  hasSecret,
  isMap,
  isSecret,
  reveal,
  revealMap,
  sameValue,
  secret,
  secretStrings,
  toStruct,
  unknown,
  type Value,
  type ValueMap,
} from "./values";

interface Redacting {
  redact(line: string): string;
}

/** The protocol's calls on resources, the same for every row: secrets, unknowns and previews are dealt with here. */
export class ResourceCalls {
  constructor(
    private readonly log: EngineLog,
    private readonly cancelled: AbortSignal,
  ) {}

  async check(resource: Resource, request: rpc.CheckRequest): Promise<rpc.CheckResponse> {
    const olds = fromStruct(request.getOlds());
    let inputs = applySchema(resource.inputs, fromStruct(request.getNews()));
    const failures = findFailures(resource.inputs, inputs);
    if (failures.length > 0) return checkResponse(inputs, failures);
    if (resource.autoName !== undefined && inputs[resource.autoName] === undefined) {
      const name =
        olds[resource.autoName] ?? `${nameOf(request.getUrn())}-${randomBytes(4).toString("hex").slice(0, 7)}`;
      inputs = { ...inputs, [resource.autoName]: name };
    }
    if (resource.check === undefined) return checkResponse(inputs, []);
    const call = this.call(request.getUrn(), inputs);
    const { failures: found, add } = await this.run(
      "checking",
      call,
      resource,
      () => resource.check?.(call) ?? nothingToAdd,
    );
    return checkResponse(merge(inputs, add), found);
  }

  diff(resource: Resource, request: rpc.DiffRequest): rpc.DiffResponse {
    const old = oldInputs(resource, fromStruct(request.getOlds()), fromStruct(request.getOldInputs()));
    const now = revealMap(fromStruct(request.getNews()));
    const ignored = new Set(request.getIgnorechangesList());
    const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
      (name) =>
        name in resource.inputs &&
        !ignored.has(name) &&
        !sameValue(old[name], now[name]) &&
        (resource.differs?.(name, old[name], now[name]) ?? true),
    );
    const replaces = changed.filter(
      (name) => resource.inputs[name]?.replace === true || resource.replaces?.(name, old[name], now[name]) === true,
    );
    const response = new rpc.DiffResponse();
    response.setChanges(
      changed.length > 0 ? rpc.DiffResponse.DiffChanges.DIFF_SOME : rpc.DiffResponse.DiffChanges.DIFF_NONE,
    );
    response.setDiffsList(changed);
    response.setReplacesList(replaces);
    response.setDeletebeforereplace(
      replaces.length > 0 && resource.uniqueBy !== undefined && !changed.includes(resource.uniqueBy),
    );
    response.setHasdetaileddiff(changed.length > 0);
    for (const name of changed) {
      const property = new rpc.PropertyDiff();
      property.setInputdiff(true);
      property.setKind(diffKind(name in old, name in now, replaces.includes(name)));
      response.getDetaileddiffMap().set(name, property);
    }
    return response;
  }

  async create(resource: Resource, request: rpc.CreateRequest): Promise<rpc.CreateResponse> {
    const inputs = fromStruct(request.getProperties());
    const response = new rpc.CreateResponse();
    if (request.getPreview()) {
      response.setProperties(toStruct({ ...unknowns(resource, inputs), ...inputs }));
      return response;
    }
    const call = this.call(request.getUrn(), inputs);
    try {
      const { id, outputs } = await this.run("creating", call, resource, () => resource.create(call));
      response.setId(id);
      response.setProperties(toStruct(state(resource, inputs, outputs)));
      return response;
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof Unfinished)) throw error;
      const { id, outputs } = error.cause.outcome;
      throw new InitFailure(error.message, id, state(resource, inputs, outputs), inputs);
    }
  }

  async read(resource: Resource, request: rpc.ReadRequest): Promise<rpc.ReadResponse> {
    const response = new rpc.ReadResponse();
    const inputs = fromStruct(request.getInputs());
    const olds = fromStruct(request.getProperties());
    const call = this.existing(resource, request.getUrn(), request.getId(), inputs, olds, inputs);
    const found = await this.run("reading", call, resource, async () =>
      resource.read === undefined ? { id: call.id, outputs: call.old.outputs } : resource.read(call),
    );
    if (found === undefined) return response;
    response.setId(found.id);
    if (resource.read === undefined) {
      response.setInputs(request.getInputs());
      response.setProperties(request.getProperties());
      return response;
    }
    // Without a state this is an import: every input is taken from what is there.
    const names = Object.keys(inputs).length > 0 ? Object.keys(inputs) : Object.keys(resource.inputs);
    const current = Object.fromEntries(
      names.flatMap((name) => pick(name, keepSecrets(inputs[name], found.outputs[name] ?? call.inputs[name]))),
    );
    response.setInputs(toStruct(current));
    response.setProperties(toStruct(state(resource, current, found.outputs)));
    return response;
  }

  async update(resource: Resource, request: rpc.UpdateRequest): Promise<rpc.UpdateResponse> {
    const inputs = fromStruct(request.getNews());
    const olds = fromStruct(request.getOlds());
    const call = this.existing(
      resource,
      request.getUrn(),
      request.getId(),
      inputs,
      olds,
      fromStruct(request.getOldInputs()),
    );
    const response = new rpc.UpdateResponse();
    if (request.getPreview()) {
      const changing = unknowns(resource, inputs, resource.updateChanges);
      response.setProperties(toStruct(state(resource, inputs, { ...call.old.outputs, ...changing })));
      return response;
    }
    const outputs = await this.run("updating", call, resource, () => resource.update(call));
    response.setProperties(toStruct(state(resource, inputs, outputs)));
    return response;
  }

  async delete(resource: Resource, request: rpc.DeleteRequest): Promise<Empty> {
    const olds = fromStruct(request.getProperties());
    const old = oldInputs(resource, olds, fromStruct(request.getOldInputs()));
    const call = this.existing(
      resource,
      request.getUrn(),
      request.getId(),
      old,
      olds,
      fromStruct(request.getOldInputs()),
    );
    await this.run("deleting", call, resource, () => resource.delete(call));
    return new Empty();
  }

  private existing(
    resource: Resource,
    urn: string,
    id: string,
    inputs: ValueMap,
    olds: ValueMap,
    sent: ValueMap,
  ): ExistingCall & Redacting {
    const outputs = Object.fromEntries(
      Object.entries(revealMap(olds)).filter(([name]) => name in resource.outputs || name in resource.inputs),
    );
    const old = { inputs: oldInputs(resource, olds, sent), outputs };
    // The state's secrets as well: a message may quote what was there before. Inputs that are kept as one secret are not all secret.
    const marked = Object.fromEntries(Object.entries(olds).filter(([name]) => name !== resource.inputsKey));
    return { ...this.call(urn, inputs, [marked, sent]), id, old };
  }

  private call(urn: string, inputs: ValueMap, alsoSecret: readonly ValueMap[] = []): Call & Redacting {
    const redact = redactor([inputs, ...alsoSecret].flatMap((value) => secretStrings(value)));
    return {
      urn,
      name: nameOf(urn),
      inputs: revealMap(inputs),
      signal: this.cancelled,
      redact,
      progress: (line) => this.log.write(urn, redact(line), true),
      info: (line) => this.log.write(urn, redact(line), false),
    };
  }

  private async run<T>(
    doing: string,
    call: Call & Redacting,
    resource: Resource,
    action: () => Promise<T>,
  ): Promise<T> {
    const what = `${doing} ${resource.sdk.result} "${call.name}"`;
    try {
      this.cancelled.throwIfAborted();
      return await action();
    } catch (error) {
      const message = this.cancelled.aborted ? "cancelled" : error instanceof Error ? error.message : String(error);
      throw new Error(`${what}: ${call.redact(message)}`, { cause: error });
    } finally {
      await this.log.flush();
    }
  }
}

const nothingToAdd: Promise<Checked> = Promise.resolve({ failures: [], add: {} });

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function oldInputs(resource: Resource, olds: ValueMap, sent: ValueMap): ValueMap {
  const kept = resource.inputsKey === undefined ? undefined : reveal(olds[resource.inputsKey] ?? null);
  if (isMap(kept)) return kept;
  if (Object.keys(sent).length > 0) return revealMap(sent);
  return revealMap(Object.fromEntries(Object.entries(olds).filter(([name]) => name in resource.inputs)));
}

/** What goes into the state: outputs with their secret marks, and the inputs. */
function state(resource: Resource, inputs: ValueMap, outputs: ValueMap): ValueMap {
  const follow = resource.outputsFollowSecrets === true && hasSecret(inputs);
  const marked = Object.entries(outputs)
    .filter(([name]) => name in resource.outputs)
    .map(([name, value]): [string, Value] => {
      const isInput = name in resource.inputs;
      if (resource.outputs[name]?.secret === true || (follow && !isInput)) return [name, secret(value)];
      return [name, keepSecrets(inputs[name], value) ?? value];
    });
  const inputsPart = resource.inputsKey === undefined ? inputs : { [resource.inputsKey]: secret(revealMap(inputs)) };
  return { ...inputsPart, ...Object.fromEntries(marked) };
}

/** A value that came back, with the marks of the input that it came from. */
function keepSecrets(input: Value | undefined, value: Value | undefined): Value | undefined {
  if (input === undefined || value === undefined || !hasSecret(input)) return value;
  return sameValue(reveal(input), value) ? input : secret(value);
}

function unknowns(
  resource: Resource,
  inputs: ValueMap,
  names: readonly string[] = Object.keys(resource.outputs),
): ValueMap {
  return Object.fromEntries(names.filter((name) => !(name in inputs)).map((name) => [name, unknown]));
}

function pick(name: string, value: Value | undefined): readonly [string, Value][] {
  return value === undefined ? [] : [[name, value]];
}

/** Adds computed inputs at any depth, inside of a secret too. */
function merge(inputs: ValueMap, add: ValueMap): ValueMap {
  const result: Record<string, Value> = { ...inputs };
  for (const [name, value] of Object.entries(add)) {
    const before = result[name];
    if (isMap(value) && isSecret(before)) result[name] = secret(merge(reveal(before ?? {}) as ValueMap, value));
    else result[name] = isMap(value) && isMap(before) ? merge(before, value) : value;
  }
  return result;
}

function diffKind(before: boolean, after: boolean, replaces: boolean): rpc.PropertyDiff.Kind {
  const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = rpc.PropertyDiff.Kind;
  if (!before) return replaces ? ADD_REPLACE : ADD;
  if (!after) return replaces ? DELETE_REPLACE : DELETE;
  return replaces ? UPDATE_REPLACE : UPDATE;
}
