import type { Properties, PropertyType } from "./schema";
import { isMap, isSecret, isUnknown, secret, type Value, type ValueMap } from "./values";

/** A provider's configuration that it cannot work with. */
export class EngineConfigError extends Error {}

/**
 * Provider configuration as values. The engine and the SDK send everything but text as JSON in a string, and the engine adds
 * names of its own (`version`, `__internal`).
 */
export function configFromRequest(sent: ValueMap, properties: Properties): ValueMap {
  const own = new Set(["version", "pluginDownloadURL"]);
  return Object.fromEntries(
    Object.entries(sent)
      .filter(([name]) => !own.has(name) && !name.startsWith("__"))
      .map(([name, value]) => [name, parse(value, properties[name]?.type)]),
  );
}

function parse(value: Value, type: PropertyType | undefined): Value {
  if (isSecret(value) && isMap(value)) return secret(parse(value["value"] ?? null, type));
  if (typeof value !== "string" || isUnknown(value) || type === undefined || type === "string") return value;
  try {
    return JSON.parse(value) as Value;
  } catch {
    // Not JSON: left as it is, for the type check to name it.
    return value;
  }
}
