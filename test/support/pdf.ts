import assert from "node:assert/strict";

import type { Endpoint, RpcClient } from "./endpoint";
import { session } from "./session";

/** Renders a report with a style sheet and an image, which Odoo's wkhtmltopdf fetches from Odoo itself, past the proxy. */
export async function rendersPdf(endpoint: Endpoint, client: RpcClient, password: string): Promise<void> {
  assert.equal(await client.call("ir.config_parameter", "get_param", ["report.url"]), "http://127.0.0.1:8069");
  const arch = `<t t-name="e2e.planted"><t t-call="web.html_container"><div class="article"><h1 class="text-primary">Planted title</h1>
    <img src="/web/static/img/logo.png"/></div></t></t>`;
  const view = await client.call("ir.ui.view", "create", [
    { name: "e2e.planted", key: "e2e.planted", type: "qweb", arch },
  ]);
  const report = await client.call("ir.actions.report", "create", [
    { name: "e2e", report_name: "e2e.planted", report_type: "qweb-pdf", model: "res.partner" },
  ]);
  try {
    const cookie = await session(endpoint, client.database, password);
    const { status, body } = await endpoint.request("GET", "/report/pdf/e2e.planted/1", { headers: { cookie } });
    assert.equal(status, 200, body.toString().slice(0, 500));
    assert.equal(body.subarray(0, 5).toString(), "%PDF-");
    assert.ok(body.includes("/Subtype /Image"), "the PDF has no image");
  } finally {
    await client.call("ir.actions.report", "unlink", [[report]]);
    await client.call("ir.ui.view", "unlink", [[view]]);
  }
}

/** In Odoo's log: that the style sheet of reports was fetched while one was rendered. */
export const fetchedStyleSheet = /GET \/web\/assets\/\S*report_assets_common\S*\.css\S* HTTP\/1\.\d" 200/;
