import type { Endpoint } from "./endpoint";

/** The cookie of a browser that is logged in as `admin`. */
export async function session(endpoint: Endpoint, database: string, password: string): Promise<string> {
  const { headers } = await endpoint.request("POST", "/web/session/authenticate", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", params: { db: database, login: "admin", password } }),
  });
  return (headers["set-cookie"] ?? []).map((line) => line.split(";")[0]).join("; ");
}
