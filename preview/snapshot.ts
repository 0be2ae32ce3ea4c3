import { z } from "zod";

import { ShipError } from "../components/shared/errors";
import { jsonOf } from "../components/shared/json";
import { cleaned } from "../gates/report/clean";
import { steadyInputs } from "./noise";

const resource = z.object({
  urn: z.string(),
  type: z.string(),
  /** Whether the preview makes it anew in the place of what is there. */
  replaced: z.boolean(),
  /** What stays of its inputs: each place with its value, as text. `unknown` where only the update will tell. */
  inputs: z.record(z.string(), z.string()),
});
export type PreviewedResource = Readonly<z.output<typeof resource>>;

/** What a stack would be after an update, as one preview tells it: without secrets and what each run changes. */
export const snapshotSchema = z.object({
  format: z.literal(1),
  stack: z.string(),
  resources: z.array(resource),
  /** The stack's configuration; a secret is `[secret]`. */
  settings: z.record(z.string(), z.string()),
  /** Lines of each requirements.txt that is baked, by its name in the build context. */
  requirements: z.record(z.string(), z.array(z.string())),
  /** Vulnerabilities without a fix, of an image that was scanned; null where none was, or not all are noted. */
  vulnerabilities: z.array(z.string()).nullable(),
  warnings: z.array(z.string()),
  /** What breaks the rules of docs/policy.md: the rule, the resource, what was found. */
  policy: z.array(z.string()),
  /** Why there is no preview; empty if there is one. */
  failure: z.string(),
});
export type Snapshot = Readonly<z.output<typeof snapshotSchema>>;

/** The part of `pulumi preview --json --show-sames` that is read. */
const digestSchema = z.object({
  config: z.record(z.string(), z.unknown()).default({}),
  steps: z
    .array(
      z.object({
        op: z.string(),
        urn: z.string(),
        oldState: z.record(z.string(), z.unknown()).nullish(),
        newState: z.record(z.string(), z.unknown()).nullish(),
      }),
    )
    .default([]),
  diagnostics: z.array(z.object({ message: z.string().default(""), severity: z.string().default("") })).default([]),
});
/** The events that tell what breaks a rule. */
const eventSchema = z.object({
  policyEvent: z.object({
    policyName: z.string(),
    resourceUrn: z.string().default(""),
    message: z.string(),
    enforcementLevel: z.string(),
  }),
});
const buildSchema = z.object({ build: z.object({ context: z.string() }) });
type Step = z.output<typeof digestSchema>["steps"][number];

/** The gate notes no more than so many: a list of that length may lack some. */
const mostNoted = 20;

export interface SnapshotArgs {
  readonly stack: string;
  /** Takes secrets and paths of the machine out of a text. */
  readonly clean: (text: string) => string;
  /** What is baked, of a build context: a folder relative to the project. */
  readonly requirements: (context: string) => Snapshot["requirements"];
}

/**
 * Makes a snapshot of what `pulumi preview --json` has printed, and of its events, a line of JSON each.
 * @throws ShipError SETTINGS_INVALID if that is no preview
 */
export function snapshotOf(
  { printed, events }: { readonly printed: string; readonly events: string },
  { stack, clean, requirements }: SnapshotArgs,
): Snapshot {
  const { config, steps, diagnostics } = parsed(digestSchema, printed, "pulumi preview --json");
  const resources = new Map<string, PreviewedResource>();
  let context: string | undefined;
  for (const step of steps.filter(isDeclared)) {
    const { inputs = {}, type = "" } = stateOf(step) as { inputs?: object; type?: string };
    if (step.urn.endsWith("::odoo-image-build")) context = buildSchema.safeParse(inputs).data?.build.context;
    const before = resources.get(step.urn);
    const replaced = before?.replaced === true || /replace/.test(step.op);
    resources.set(step.urn, { urn: step.urn, type, replaced, inputs: steadyInputs(inputs) });
  }
  const said = (severity: RegExp) => diagnostics.filter((one) => severity.test(one.severity)).map(textOf);
  const found: Snapshot = {
    format: 1,
    stack,
    resources: [...resources.values()].sort((a, b) => (a.urn < b.urn ? -1 : 1)),
    settings: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, settingText(value)])),
    // An image that is deployed by its digest is built from nothing.
    requirements: context === undefined ? {} : requirements(context),
    vulnerabilities: scanned(steps),
    warnings: [...new Set(said(/^warning$/))].sort(),
    policy: [...new Set(events.split("\n").flatMap(broken))].sort(),
    failure: said(/^error$/).join("\n"),
  };
  return cleaned(found, clean);
}

/** An event that tells what breaks a rule, in one line: `plain-secrets: vps-host: …`. */
function broken(line: string): string[] {
  const event = eventSchema.safeParse(jsonOf(line));
  if (!event.success || event.data.policyEvent.enforcementLevel === "disabled") return [];
  const { policyName, resourceUrn, message } = event.data.policyEvent;
  return [`${policyName}: ${resourceUrn.split("::").at(-1) ?? ""}: ${message.trim().replace(/\s+/g, " ")}`];
}

/**
 * Reads a snapshot that `--save` has written.
 * @throws ShipError SETTINGS_INVALID
 */
export function readSnapshot(text: string): Snapshot {
  return parsed(snapshotSchema, text, "the file of --base");
}

function parsed<S extends z.ZodType>(schema: S, text: string, what: string): z.output<S> {
  const found = schema.safeParse(jsonOf(text));
  if (found.success) return found.data;
  throw new ShipError({
    code: "SETTINGS_INVALID",
    summary: "a preview cannot be read",
    found: `${what}: ${found.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ")}`,
    expected: "JSON of the pinned version of Pulumi, or what --save of this version has written",
    remedy: "make both previews again: docs/ci.md",
  });
}

/** Whether the program declares it: components have no state of their own, and providers only reach others. */
function isDeclared(step: Step): boolean {
  const { custom, type } = stateOf(step) as { custom?: boolean; type?: string };
  return custom === true && type?.startsWith("pulumi:") !== true && !/^(delete|discard)/.test(step.op);
}

function stateOf({ newState, oldState }: Step): object {
  return newState ?? oldState ?? {};
}

function textOf({ message }: { readonly message: string }): string {
  return message.replace(/^(error|warning): /, "").trim();
}

/** Pulumi prints a setting as `{ value, secret }`, or as its value alone. */
function settingText(value: unknown): string {
  const shown = value as { value?: unknown; secret?: boolean } | null;
  if (typeof value !== "object" || shown === null) return String(value);
  if (shown.secret === true) return "[secret]";
  return typeof shown.value === "string" ? shown.value : JSON.stringify(shown.value ?? value);
}

/** What the gate has found in the image that the update would release: known only if the gate does not run again. */
function scanned(steps: readonly Step[]): string[] | null {
  const gate = steps.find(({ op, urn }) => op === "same" && urn.endsWith("::gates-scan"));
  const { outputs } = (gate === undefined ? {} : stateOf(gate)) as { outputs?: { stdout?: unknown } };
  try {
    const { facts } = JSON.parse(String(outputs?.stdout)) as { facts?: { unfixed?: string[] } };
    const found = facts?.unfixed;
    return found === undefined || found.length >= mostNoted ? null : found;
  } catch {
    return null;
  }
}
