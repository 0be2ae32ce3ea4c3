import { isMap, type Value, type ValueMap } from "../values";

/**
 * What is live, in the shape of the inputs that made it: what the server or a controller added is no concern of the program.
 * An empty input (`""`, `0`, `false`, `[]`, `{}`) that the server did not keep counts as kept, unless `before` shows that it
 * was there once.
 */
export function prune(live: ValueMap, inputs: ValueMap, before?: ValueMap): ValueMap {
  const kept = Object.entries(inputs).flatMap(([key, input]): [string, Value][] => {
    const value = live[key];
    if (value !== undefined && value !== null) return [[key, pruneValue(value, input, before?.[key])]];
    return isEmpty(input) && (before === undefined || before[key] === undefined) ? [[key, input]] : [];
  });
  return Object.fromEntries(kept);
}

function pruneValue(live: Value, input: Value, before: Value | undefined): Value {
  if (isMap(live) && isMap(input)) return prune(live, input, isMap(before) ? before : undefined);
  if (!Array.isArray(live) || !Array.isArray(input)) return live;
  const items = live as readonly Value[];
  // Items beyond those of the program are somebody else's: a container that a webhook added.
  return items.slice(0, input.length).map((item, index) => {
    const old = Array.isArray(before) ? (before as readonly Value[])[index] : undefined;
    return pruneValue(item, (input as readonly Value[])[index] ?? null, old);
  });
}

function isEmpty(value: Value): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isMap(value)) return Object.values(value).every(isEmpty);
  return value === "" || value === 0 || value === false || value === null;
}
