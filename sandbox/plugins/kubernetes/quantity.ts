import type { Value } from "../values";

const binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** Keys of maps of quantities, and keys of single ones. */
const maps: ReadonlySet<string> = new Set([
  "limits",
  "requests",
  "hard",
  "capacity",
  "overhead",
  "default",
  "defaultRequest",
  "max",
  "min",
  "maxLimitRequestRatio",
]);
const single: ReadonlySet<string> = new Set(["sizeLimit", "divisor", "averageValue"]);

/** Whether two values at a path are one quantity, as `0.5` and `500m`, `1Gi` and `1024Mi`: the server keeps its own spelling. */
export function sameQuantity(path: readonly (string | number)[], one: Value, other: Value): boolean {
  if (!isQuantity(path)) return false;
  const [first, second] = [amount(one), amount(other)];
  return first !== undefined && second !== undefined && Math.abs(first - second) <= Math.abs(first) * 1e-12;
}

// Labels, data and environment variables are texts, whatever they look like.
function isQuantity(path: readonly (string | number)[]): boolean {
  const [parent, own] = [String(path.at(-2)), String(path.at(-1))];
  return path[0] === "spec" && (maps.has(parent) || single.has(own) || (own === "value" && parent === "target"));
}

function amount(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return undefined;
  const [, digits, suffix = "", exponent] =
    /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d+))?$/.exec(value) ?? [];
  if (digits === undefined) return undefined;
  if (suffix.endsWith("i")) return Number(digits) * 1024 ** binary.indexOf(suffix);
  return Number(digits) * 10 ** (exponent === undefined ? (decimal[suffix] ?? 0) : Number(exponent));
}
