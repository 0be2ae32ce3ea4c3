import { z } from "zod";

import { type ErrorCode, errorCodes } from "../../components/shared/errors";
import { jsonOf } from "../../components/shared/json";
import { printable } from "../../components/shared/printable";
import { gates } from "../table";
import { type Alert, gravity } from "./alert";

/** Where an update has failed, as its events tell. */
export interface FailedUpdate {
  /** `project/stack` */
  readonly stack: string;
  /** The first that is known; undefined where a provider speaks in its own words. */
  readonly code: ErrorCode | undefined;
  /** Name of the resource; empty for the program itself, as when the plan refuses something. */
  readonly resource: string;
}

/** An event of Pulumi by which an error is told. The program itself has no resource. */
const errorSchema = z.object({
  diagnosticEvent: z.object({ urn: z.string().default(""), message: z.string(), severity: z.literal("error") }),
});

/** URNs of the gates: ReleaseGates of components/release/gates.ts names them. */
const gateUrn = new RegExp(`::odoo:release:ReleaseGates\\$[^:]+:[^:]+:[^:]+::[^:]+-(${Object.keys(gates).join("|")})$`);

/**
 * Finds where an update has failed.
 * @param events Pulumi's, a line of JSON each
 * @param usual name of the stack, for events that name none
 * @returns undefined where nothing failed, or gates alone: they have told by themselves
 */
export function failedUpdate(events: string, usual: string): FailedUpdate | undefined {
  const errors = events.split("\n").flatMap((line) => errorSchema.safeParse(jsonOf(line)).data?.diagnosticEvent ?? []);
  const [, name, project] = /"urn":"urn:pulumi:([^:"]+)::([^:"]+)::/.exec(events) ?? [];
  const stack = name === undefined ? usual : `${project}/${name}`;
  const others = errors
    .filter(({ urn }) => !gateUrn.test(urn))
    .map(({ urn, message }) => ({
      ...{ stack, code: codeIn(message) ?? codeOfPush(message) },
      resource: printable(urn.split("::").at(-1) ?? ""),
    }));
  const coded = others.find(({ code }) => code !== undefined);
  // Pulumi's own last words, of which each failed update has some, are no failure beside that of a gate.
  if (coded !== undefined || others.length < errors.length) return coded;
  return others.find(({ resource }) => resource !== "") ?? others[0];
}

/**
 * Reads the code that begins a line: one within a line is quoted. In a cluster the log of a pod stands behind Pulumi's
 * own words, so one within a line is better than none.
 */
function codeIn(message: string): ErrorCode | undefined {
  const named = (place: RegExp) =>
    [...message.matchAll(place)]
      .map(([, code]) => code)
      .find((code) => code !== undefined && Object.hasOwn(errorCodes, code));
  return (named(/^\s*([A-Z][A-Z_]+): /gm) ?? named(/\b([A-Z][A-Z_]+): /g)) as ErrorCode | undefined;
}

/** What Docker says of a push that failed, in its own words, and what that is; the first that fits. */
const ofPushes: readonly (readonly [said: RegExp, code: ErrorCode])[] = [
  [/quota|storage limit|no space|insufficient storage|too large/i, "QUOTA_EXCEEDED"],
  [/unauthori[sz]ed|authentication required|denied|forbidden|no basic auth/i, "REGISTRY_AUTH_FAILURE"],
  [/manifest (invalid|unknown)|(unsupported|unknown) (manifest|media)/i, "MANIFEST_ERROR"],
  [
    /unexpected http status|connection (refused|reset)|broken pipe|\beof\b|timeout|no route|no such host/i,
    "NETWORK_FAILURE",
  ],
];

/** Reads the words of Docker about a push. Undefined where they are of none, or nothing that is known. */
export function codeOfPush(message: string): ErrorCode | undefined {
  const [, about = ""] = /\bpush(?:ing|ed)?\b([^]*)/i.exec(message) ?? [];
  return ofPushes.find(([said]) => said.test(about))?.[1];
}

/** The alert of it, without a word of what was printed. How far the update came is not known: it says where to look. */
export function alertOfUpdate({ stack, code, resource }: FailedUpdate): Alert {
  const look = "`odoo-ship status` on a VPS, `kubectl -n odoo get pods,jobs` in a cluster";
  const remedy =
    "read the end of what the update has printed" +
    (code === undefined ? ", and docs/when-up-failed.md" : `, and what docs/when-up-failed.md has of ${code}`);
  return {
    stack,
    at: resource === "" ? "program" : resource,
    ...gravity(code),
    summary: resource === "" ? "the update failed" : `the update failed at ${resource}`,
    rest: [`Stack: ${stack}`, `Remedy: ${remedy}`, `What runs now: ${look}`],
    details: { remedy, look },
  };
}
