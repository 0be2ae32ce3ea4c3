import { hasSecret, isMap, isSecret, reveal, revealMap, secret, type Value, type ValueMap } from "../values";
import type { KubeObject } from "./objects";
import { textAt, without } from "./objects";

const inputsKey = "__inputs";
const managerKey = "__fieldManager";
const versionKey = "__initialApiVersion";

/** What the state holds of an object, without secret marks. */
export interface State {
  readonly inputs: KubeObject;
  readonly live: KubeObject;
  /** Under which name Pulumi owns fields; "" before the first one was made up. */
  readonly fieldManager: string;
}

/** Takes a state apart. */
export function parseState(marked: ValueMap, sentInputs: ValueMap = {}): State {
  const plain = revealMap(marked);
  const { [inputsKey]: kept, [managerKey]: manager } = plain;
  const live = without(plain, inputsKey, managerKey, versionKey);
  return {
    inputs: isMap(kept) ? kept : revealMap(sentInputs),
    live,
    fieldManager: typeof manager === "string" ? manager : "",
  };
}

/** The state of a live object: its own properties, and the inputs that it was made from. What came in as a secret stays one. */
export function toState(live: KubeObject, inputs: KubeObject, from: ValueMap, fieldManager: string): ValueMap {
  return {
    ...markSecrets(live, from),
    [inputsKey]: markSecrets(inputs, from),
    [managerKey]: fieldManager,
    [versionKey]: textAt(live, "apiVersion"),
  };
}

/**
 * Marks what was a secret in `from` as one in `object`, as deep as objects go; a list with a secret in it is one as a whole.
 * A Secret's data is one always.
 */
export function markSecrets(object: ValueMap, from: ValueMap): ValueMap {
  if (object["kind"] === "Secret") {
    return Object.fromEntries(
      Object.entries(object).map(([key, value]) => [
        key,
        key === "data" || key === "stringData" ? secret(value) : value,
      ]),
    );
  }
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, mark(value, from[key])]));
}

function mark(value: Value, from: Value | undefined): Value {
  if (!hasSecret(from) || isSecret(value)) return value;
  return isMap(value) && isMap(from) && !isSecret(from) ? markSecrets(value, from) : secret(reveal(value));
}
