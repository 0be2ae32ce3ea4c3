import { z } from "zod";

/** Every way in which the small servers can be told to misbehave. `api-*` hits the DigitalOcean API, the rest the registry. */
export const faultKinds = [
  "api-429",
  "api-500",
  "api-timeout",
  "api-slow",
  "registry-unauthorized",
  "registry-quota",
  "registry-500",
  "registry-timeout",
  "registry-429",
  "registry-manifest-invalid",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/**
 * One order to misbehave. `times`: how many requests it hits (default: until cleared). `path`: regular expression on the
 * request's path (default: every path). `seconds`: length of a delay, or the `retry-after` of a 429.
 */
export const faultSchema = z.strictObject({
  what: z.enum(faultKinds),
  times: z.int().min(1).optional(),
  path: z.string().refine(isRegularExpression, "must be a regular expression").optional(),
  seconds: z.number().min(0).max(3600).optional(),
});

export type Fault = z.infer<typeof faultSchema>;

export type FaultSide = "api" | "registry";
/** A fault of one of the two servers. */
export type FaultOf<S extends FaultSide> = Fault & { readonly what: Extract<FaultKind, `${S}-${string}`> };

/** A fault as it stands: how many requests it has hit so far. */
export interface ActiveFault extends Fault {
  readonly hits: number;
}

/** Faults live in memory only: a restarted server is a healthy one. */
export class Faults {
  private active: ActiveFault[] = [];

  add(fault: Fault): void {
    this.active.push({ ...fault, hits: 0 });
  }

  clear(): void {
    this.active = [];
  }

  list(): readonly ActiveFault[] {
    return this.active;
  }

  /** The oldest fault that fits this request, counted as used; `undefined` when the request is to be served well. */
  take<S extends FaultSide>(side: S, method: string, path: string): FaultOf<S> | undefined {
    const index = this.active.findIndex((fault) => isOf(side, fault) && fits(fault, method, path));
    const found = this.active[index];
    if (found === undefined || !isOf(side, found)) {
      return undefined;
    }
    const hits = found.hits + 1;
    if (found.times !== undefined && hits >= found.times) {
      this.active.splice(index, 1);
    } else {
      this.active[index] = { ...found, hits };
    }
    return found;
  }
}

function isOf<S extends FaultSide, F extends Fault>(side: S, fault: F): fault is F & FaultOf<S> {
  return fault.what.startsWith(`${side}-`);
}

/** Two faults are about one step of a push; elsewhere the registry works, as a full or picky one does. */
function fits(fault: Fault, method: string, path: string): boolean {
  if (fault.path !== undefined && !new RegExp(fault.path).test(path)) {
    return false;
  }
  switch (fault.what) {
    case "registry-quota":
      return method === "POST" && path.endsWith("/blobs/uploads/");
    case "registry-manifest-invalid":
      return method === "PUT" && path.includes("/manifests/");
    case "api-429":
    case "api-500":
    case "api-timeout":
    case "api-slow":
    case "registry-unauthorized":
    case "registry-500":
    case "registry-timeout":
    case "registry-429":
      return true;
  }
}

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
