import { z } from "zod";

import { isDigest } from "../registry/reference";

/** One configuration key: how its text in the stack file is read, what is allowed, what it means. */
export interface Key<S extends z.ZodType = z.ZodType> {
  /** `text`: the value as it stands. `data`: a list, number or boolean, as YAML or JSON. */
  readonly form: "text" | "data";
  readonly schema: S;
  /** One or two sentences for the reference in docs/configuration.md. */
  readonly doc: string;
  /** Allowed values, for the reference and for messages. */
  readonly allowed: string;
  /** Whether the key is refused when it stands in plain text in a stack file. */
  readonly secret?: boolean;
}

/** A row of the table of settings. */
export function key<S extends z.ZodType>(
  form: Key["form"],
  schema: S,
  allowed: string,
  doc: string,
  secret?: boolean,
): Key<S> {
  return { form, schema, allowed, doc, ...(secret === undefined ? {} : { secret }) };
}

/** A whole number within bounds. */
export function whole(low: number, high: number) {
  return z.number().int().min(low).max(high);
}

/** Text that matches, or the empty text, which is the default. */
export function matching(pattern: RegExp, complaint: string) {
  return z.string().regex(pattern, complaint).or(z.literal("")).default("");
}

/** A digest; empty if not set. */
export const digestText = z
  .string()
  .refine((text) => text === "" || isDigest(text), "is not sha256: and 64 hexadecimal digits")
  .default("");

/** A secret: any text; empty if not set. */
export const secretText = z.string().default("");

export const folder = z.string().regex(/^(?!\/)(?!.*\.\.)[\w./-]+$/, "is not a path inside the project");
export const moduleName = z.string().regex(/^[a-z][a-z0-9_]*$/, "is not a module name");
