/** A value that the engine keeps encrypted. Rules look into it, and never say what is in it. */
export class Hidden {
  constructor(readonly value: unknown) {}
}

/** Stands where a value is known after an update only. What is not known is not judged. */
export const unknown = Symbol("known after the update");

/** A resource as the program declares it, before the engine does anything about it. */
export interface Declared {
  /** Pulumi's token, such as `kubernetes:apps/v1:Deployment`. */
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, unknown>>;
  readonly opts: { readonly protect?: boolean };
}

/** A rule: what it refuses, why, and what to do. A check answers what it found, one line each; none if all is well. */
export interface Rule {
  /** Names the rule for good: docs/policy.md and messages say it. */
  readonly name: string;
  readonly refuses: string;
  readonly because: string;
  readonly remedy: string;
  /** Looks at one resource. */
  readonly check?: (resource: Declared) => string[];
  /** Looks at all resources of a stack together, at the end of a preview. */
  readonly checkStack?: (resources: readonly Declared[]) => string[];
}

/** What somebody reads whose update is refused. */
export function messageOf(rule: Rule, found: string): string {
  return `found:    ${found}\n  because:  ${rule.because}\n  remedy:   ${rule.remedy}\n  more:     docs/policy.md`;
}

/** The value at a path, opened; `undefined` where nothing stands, `unknown` where it or what it is part of is that. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = opened(value);
  for (const step of path) {
    if (found === unknown || found === null || typeof found !== "object") {
      return found === unknown ? unknown : undefined;
    }
    found = opened((found as Record<string | number, unknown>)[step]);
  }
  return found ?? undefined;
}

/** The elements of a list; none of anything else. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.map(opened) : [];
}

/** Names and values of an object; none of anything else. */
export function entriesAt(value: unknown, ...path: readonly (string | number)[]): [name: string, value: unknown][] {
  const found = at(value, ...path);
  return typeof found === "object" && found !== null && !Array.isArray(found) ? Object.entries(found) : [];
}

/** A value that is a text, else the empty one. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

function opened(value: unknown): unknown {
  return value instanceof Hidden ? value.value : value;
}
