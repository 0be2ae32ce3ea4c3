import { isMap, type Value, type ValueMap } from "../values";

/**
 * A value in a form that is equal for equal sets: lists sorted and without doubles, empty ones and nulls left out of objects.
 * In the official provider the lists of these resources are sets.
 */
export function asSet(value: Value | undefined): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map(asSet))].sort().join(",")}]`;
  if (!isMap(value)) return JSON.stringify(value ?? null);
  const parts = Object.keys(value)
    .sort()
    .map((key) => [key, asSet(value[key])])
    .filter(([, text]) => text !== "[]" && text !== "null");
  return `{${parts.map(([key, text]) => `${key}:${text}`).join(",")}}`;
}

/** What is in the first list and not in the other. */
export function without(one: Value | undefined, other: Value | undefined): readonly Value[] {
  const known = new Set(list(other).map(asSet));
  return list(one).filter((item) => !known.has(asSet(item)));
}

/** A list, empty where there is none. */
export function list(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : [];
}

/** An object of an answer, or an error that says what is missing. */
export function part(answer: Value | undefined, what: string): ValueMap {
  if (!isMap(answer)) throw new Error(`the API's answer holds no ${what}`);
  return answer;
}
