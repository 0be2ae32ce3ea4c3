import type * as http from "node:http";

/** Answers in the error envelope of the OCI distribution specification. */
export function sendRegistryError(
  response: http.ServerResponse,
  status: number,
  code: "UNAUTHORIZED" | "DENIED" | "TOOMANYREQUESTS" | "MANIFEST_INVALID" | "UNSUPPORTED" | "UNKNOWN",
  message: string,
  headers: http.OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "docker-distribution-api-version": "registry/2.0",
    ...headers,
  });
  // Without a detail Docker drops a message that is its own default for the code, and retries what is final.
  response.end(JSON.stringify({ errors: [{ code, message, detail: {} }] }));
}
