import { type ErrorCode, errorCodes, ShipError } from "../../components/shared/errors";
import type { Ended } from "../programs";

/** Python's words for what it cannot import. */
const notImported = /\b(ImportError|ModuleNotFoundError|SyntaxError|IndentationError)\b|Couldn't load module/;
const notConnected = /server closed the connection|could not connect to server|connection to server .* failed/;

/** The code that fits a log best: that of the image's entrypoint, else what Python or PostgreSQL said. */
export function codeOf(log: string, otherwise: ErrorCode): ErrorCode {
  const [, own = ""] = /^([A-Z][A-Z_]+): /m.exec(log) ?? [];
  if (Object.hasOwn(errorCodes, own)) return own as ErrorCode;
  if (notConnected.test(log)) return "DATABASE_CONNECTION_ERROR";
  return notImported.test(log) ? "IMPORT_ERROR" : otherwise;
}

/** Lines of Odoo's log that are errors, the first ones. Of a module that it cannot load Odoo says so here alone. */
export function errorsIn(log: string, most = 20): string[] {
  return log
    .split("\n")
    .filter((line) => /^\d{4}-\d\d-\d\d \S+ \d+ (ERROR|CRITICAL) /.test(line))
    .slice(0, most)
    .map((line) => line.slice(0, 1000));
}

/** A container that ended before it had an answer. */
export function noStart({ status, tail }: Ended, summary: string): ShipError {
  // Docker's own status for a container that never ran.
  const code = status === 125 ? "CONTAINER_START_FAILURE" : codeOf(tail, "CONTAINER_START_FAILURE");
  return new ShipError({
    code,
    summary,
    found: tail || `exit status ${String(status)}`,
    expected: "a container of the image that runs as in production",
    remedy: "read the lines above; docs/by-hand.md says how to start the image by hand",
  });
}
