import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";

/** A property value as it travels between engine and plugin. */
export type Value = null | boolean | number | string | readonly Value[] | ValueMap;
export interface ValueMap {
  readonly [key: string]: Value;
}

// The engine marks special values by this key; the signatures are part of its protocol (sdk/go/common/resource).
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** A string whose value is known after the update only. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const unknowns: ReadonlySet<Value> = new Set<Value>([
  unknown,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** Tells an object from every other value. */
export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Wraps a value as a secret; one that is a secret already stays as it is. */
export function secret(value: Value): Value {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

/** Whether the value itself is marked as a secret. */
export function isSecret(value: Value | undefined): boolean {
  return (
    isMap(value) &&
    (value[signatureKey] === secretSignature || (value[signatureKey] === outputSignature && value["secret"] === true))
  );
}

/** Whether the value or anything in it is a secret. */
export function hasSecret(value: Value | undefined): boolean {
  return isSecret(value) || children(value).some(hasSecret);
}

/** Whether the value, taken as a whole, is not known yet. Expects a revealed value. */
export function isUnknown(value: Value | undefined): boolean {
  return value !== undefined && unknowns.has(value);
}

/** Whether the value or anything in it is not known yet. */
export function hasUnknown(value: Value | undefined): boolean {
  return isUnknown(value) || children(value).some(hasUnknown);
}

/** The value without secret marks; nulls in objects are left out, as in the official providers. */
export function reveal(value: Value): Value {
  if (Array.isArray(value)) return value.map(reveal);
  if (!isMap(value)) return value;
  if (value[signatureKey] === secretSignature) return reveal(value["value"] ?? null);
  if (value[signatureKey] === outputSignature) return reveal(value["value"] ?? unknown);
  return revealMap(value);
}

/** {@link reveal} for an object of properties. */
export function revealMap(value: ValueMap): ValueMap {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, reveal(item)]])),
  );
}

/** Every string inside of a secret: what must not appear in a message. */
export function secretStrings(value: Value | undefined, inside = false): readonly string[] {
  if (typeof value === "string") return inside ? [value] : [];
  if (isSecret(value) && isMap(value)) return secretStrings(value["value"], true);
  return children(value).flatMap((item) => secretStrings(item, inside));
}

/** Equality of content, whatever the order of keys. */
export function sameValue(one: Value | undefined, other: Value | undefined): boolean {
  return canonical(one) === canonical(other);
}

/** The properties of a message; an absent one has none. */
export function fromStruct(struct: Struct | undefined): ValueMap {
  return struct === undefined ? {} : (struct.toJavaScript() as ValueMap);
}

/** The message for these properties. */
export function toStruct(value: ValueMap): Struct {
  return Struct.fromJavaScript(value as Record<string, JavaScriptValue>);
}

function children(value: Value | undefined): readonly Value[] {
  if (Array.isArray(value)) return value;
  return isMap(value) ? Object.values(value) : [];
}

function canonical(value: Value | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isMap(value)) return JSON.stringify(value) ?? "absent";
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(",")}}`;
}
