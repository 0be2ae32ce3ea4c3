import assert from "node:assert/strict";

import type { Endpoint, RpcClient } from "./endpoint";
import { session } from "./session";

/** More than the usual 100 MB of /tmp, and less than the proxy refuses. */
const megabytes = 125;

/** Attaches a large file to a record, as the browser's form does, and looks at what has arrived. */
export async function takesLargeUpload(endpoint: Endpoint, client: RpcClient, password: string): Promise<void> {
  const cookie = await session(endpoint, client.database, password);
  const page = (await endpoint.request("GET", "/odoo", { headers: { cookie } })).body.toString();
  const [, token] = /csrf_token: "([0-9a-fo]+)"/.exec(page) ?? [];
  assert.ok(token !== undefined, page.slice(0, 500));
  const boundary = "planted-boundary";
  const field = (name: string, value: string, more = "") =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
  const size = megabytes * 1_000_000;
  const { status, body } = await endpoint.request("POST", "/web/binary/upload_attachment", {
    headers: { cookie, "content-type": `multipart/form-data; boundary=${boundary}` },
    body:
      field("csrf_token", token) +
      field("model", "res.partner") +
      field("id", "1") +
      field("ufile", "x".repeat(size), `; filename="large.bin"`) +
      `--${boundary}--\r\n`,
    limitMs: 120_000,
  });
  assert.equal(status, 200, body.toString().slice(0, 500));
  const [made] = JSON.parse(body.toString()) as { id: number; error?: string }[];
  assert.ok(made !== undefined && made.error === undefined, body.toString());
  try {
    const [stored] = (await client.call("ir.attachment", "read", [[made.id], ["file_size"]])) as {
      file_size: number;
    }[];
    assert.equal(stored?.file_size, size);
  } finally {
    await client.call("ir.attachment", "unlink", [[made.id]]);
  }
}
