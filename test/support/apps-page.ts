import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { Page } from "playwright-core";

import { paths } from "../../sandbox/config";
import { until } from "../../sandbox/process";
import { openBrowser } from "./browser";
import type { Site } from "./proxy-rules";
import { verifiedKey } from "./site-requests";

const limitMs = 600_000;

/**
 * Logs in by a browser that trusts nothing but the verified key, sees the apps page without a problem, and keeps a picture of it. One that
 * trusts known authorities only is stopped by the certificate.
 * @param picture name of the file: in docs/images with UPDATE_SCREENSHOT=1, else in the directory for temporary files
 */
export async function opensTheApps({ url, proxy }: Site, password: string, picture: string): Promise<void> {
  const [domain, { host }] = [url.hostname, proxy];
  const stranger = await openBrowser({ domain, host });
  try {
    await assert.rejects((await stranger.newPage()).goto(`${url.href}web/login`), /ERR_CERT_AUTHORITY_INVALID/);
  } finally {
    await stranger.close();
  }
  const browser = await openBrowser({ domain, host, trustedKey: await verifiedKey(proxy) });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(limitMs);
    const problems = problemsOf(page);
    await page.goto(`${url.href}web/login`);
    await page.fill("input[name=login]", "admin");
    await page.fill("input[name=password]", password);
    let sent = false;
    page.on("request", (request) => (sent ||= request.method() === "POST" && request.url().endsWith("/web/login")));
    // Odoo may lose a click that comes before its scripts: whoever sees nothing happen clicks again.
    const clicked = async () => {
      if (!sent) await page.click("button[type=submit]", { timeout: 10_000 }).catch(() => undefined);
      return sent;
    };
    assert.ok(await until(clicked, limitMs, 2000), "the form was never sent");
    const cards = page.locator(".o_kanban_view .o_kanban_record:not(.o_kanban_ghost)");
    await cards.first().waitFor();
    assert.match(await page.locator(".o_control_panel").innerText(), /Apps/);
    assert.ok((await cards.count()) > 20, `${await cards.count()} apps`);
    await page.waitForFunction("[...document.images].every((image) => image.complete && image.naturalWidth > 0)");
    const folder = process.env["UPDATE_SCREENSHOT"] === "1" ? path.join(paths.root, "docs", "images") : os.tmpdir();
    fs.mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: path.join(folder, picture) });
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
}

/** What goes wrong in a page, as it comes: scripts that raise, and requests that fail. */
function problemsOf(page: Page): string[] {
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("response", (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
  });
  return problems;
}
