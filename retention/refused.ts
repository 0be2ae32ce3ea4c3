import { ShipError } from "../components/shared/errors";

/** Error about a retention that does not happen, or goes no further. */
export function refused(summary: string, found: string, expected: string, remedy: string): ShipError {
  return new ShipError({ code: "RETENTION_REFUSED", summary, found, expected, remedy });
}

/** Turns a failure into words for another error. */
export function inWords(error: unknown): string {
  if (error instanceof ShipError) return `${error.code}: ${error.failure.summary}: ${error.failure.found}`;
  return error instanceof Error ? error.message : String(error);
}
