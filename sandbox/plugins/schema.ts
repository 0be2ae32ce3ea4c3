import { hasUnknown, isMap, isSecret, isUnknown, reveal, secret, type Value, type ValueMap } from "./values";

/** What a property may hold; an object lists its own properties. */
export type PropertyType =
  | "string"
  | "integer"
  | "number"
  | "boolean"
  | "any"
  | { readonly oneOf: readonly string[] }
  | { readonly array: PropertyType }
  | { readonly map: PropertyType }
  | { readonly object: Properties };

/** One property, as the official provider's schema and the npm SDK's types describe it. */
export interface Property {
  readonly type: PropertyType;
  readonly required?: true;
  /** A change makes a new resource. */
  readonly replace?: true;
  readonly secret?: true;
  readonly default?: Value;
  /** Part of the official schema, but not of this stand-in: why Check refuses it. */
  readonly unsupported?: string;
}

/** Properties by name. */
export type Properties = Readonly<Record<string, Property>>;

/** A refusal of Check: which property, and why. */
export interface Failure {
  readonly property: string;
  readonly reason: string;
}

/** Everything that is wrong with these inputs, unknown names first found first told. Unknown values are right for every type. */
export function findFailures(properties: Properties, inputs: ValueMap, at = ""): readonly Failure[] {
  const failures: Failure[] = [];
  for (const [name, value] of Object.entries(inputs)) {
    const path = at + name;
    const property = properties[name];
    if (value === null) continue;
    if (property === undefined) {
      failures.push({
        property: path,
        reason: `unknown property "${path}"; known here: ${Object.keys(properties).sort().join(", ")}`,
      });
    } else if (property.unsupported !== undefined) {
      failures.push({
        property: path,
        reason: `"${path}" is not supported by the sandbox's stand-in plugin: ${property.unsupported}`,
      });
    } else {
      failures.push(...typeFailures(property.type, reveal(value), path));
    }
  }
  for (const [name, property] of Object.entries(properties)) {
    if (property.required === true && (inputs[name] ?? null) === null) {
      failures.push({ property: at + name, reason: `missing required property "${at}${name}"` });
    }
  }
  return failures;
}

function typeFailures(type: PropertyType, value: Value, path: string): readonly Failure[] {
  if (isUnknown(value) || type === "any") return [];
  const wrong = (expected: string): readonly Failure[] => [
    { property: path, reason: `"${path}" must be ${expected}, but is ${JSON.stringify(kind(value))}` },
  ];
  if (type === "integer") return Number.isInteger(value) ? [] : wrong("an integer");
  if (typeof type === "string") return typeof value === type ? [] : wrong(`a ${type}`);
  if ("oneOf" in type) {
    return typeof value === "string" && type.oneOf.includes(value) ? [] : wrong(`one of ${type.oneOf.join(", ")}`);
  }
  if ("array" in type) {
    return Array.isArray(value)
      ? value.flatMap((item: Value, index) => typeFailures(type.array, item, `${path}[${index}]`))
      : wrong("a list");
  }
  if (!isMap(value)) return wrong("an object");
  if ("object" in type) return findFailures(type.object, value, `${path}.`);
  return Object.entries(value).flatMap(([key, item]) => typeFailures(type.map, item, `${path}.${key}`));
}

// A value that is refused may be a secret: its type is enough to find the mistake.
function kind(value: Value): string {
  return Array.isArray(value) ? "list" : typeof value;
}

/** The inputs with defaults filled in, nulls dropped, and secret properties marked as secret at every depth. */
export function applySchema(properties: Properties, inputs: ValueMap): ValueMap {
  const result: Record<string, Value> = {};
  for (const [name, value] of Object.entries(inputs)) {
    if (value === null) continue;
    const property = properties[name];
    const type = property?.type;
    const nested = isMap(value) && !isSecret(value) && typeof type === "object" && "object" in type;
    const deep = nested ? applySchema(type.object, value) : value;
    result[name] = property?.secret === true ? secret(deep) : deep;
  }
  for (const [name, property] of Object.entries(properties)) {
    if (property.default !== undefined) result[name] ??= property.default;
  }
  return result;
}

/** Text of an input; `undefined` where it is absent or not known yet. */
export function text(inputs: ValueMap, name: string): string | undefined {
  const value = inputs[name];
  return typeof value === "string" && !hasUnknown(value) ? value : undefined;
}

/** Texts of a list or of an object's values; empty where absent. */
export function texts(value: Value | undefined): readonly string[] {
  const items: readonly Value[] = Array.isArray(value) ? value : [];
  return items.filter((item) => typeof item === "string");
}

/** An object of texts; empty where absent. */
export function textMap(value: Value | undefined): Readonly<Record<string, string>> {
  const entries = isMap(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
