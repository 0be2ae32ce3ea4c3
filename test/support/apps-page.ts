import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { Page, Request } from "playwright-core";

import { paths } from "../../sandbox/config";
import { until } from "../../sandbox/process";
import { openBrowser } from "./browser";
import type { Site } from "./proxy-rules";
import { verifiedKey } from "./site-requests";

const limitMs = 600_000;
/** After which a page on which nothing comes and goes is loaded once more. */
const stillMs = 60_000;

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
    const traffic = watch(page);
    await page.goto(`${url.href}web/login`);
    const cards = page.locator(".o_kanban_view .o_kanban_record:not(.o_kanban_ghost)");
    const seen = async () => {
      if (!(await cards.first().isVisible())) await goesOn(page, traffic, password);
      return cards.first().isVisible();
    };
    assert.ok(
      await until(seen, limitMs, 1000),
      `no apps page in ${limitMs / 1000} s: ${await standing(page, traffic)}`,
    );
    assert.match(await page.locator(".o_control_panel").innerText(), /Apps/);
    assert.ok((await cards.count()) > 20, `${await cards.count()} apps`);
    await page.waitForFunction("[...document.images].every((image) => image.complete && image.naturalWidth > 0)");
    const folder = process.env["UPDATE_SCREENSHOT"] === "1" ? path.join(paths.root, "docs", "images") : os.tmpdir();
    fs.mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: path.join(folder, picture) });
    assert.deepEqual(traffic.problems, []);
  } finally {
    await browser.close();
  }
}

/** What a page asks for: what is not answered yet, when something last came or went, and what went wrong. */
interface Traffic {
  readonly open: Set<string>;
  readonly problems: string[];
  lastMs: number;
}

function watch(page: Page): Traffic {
  const traffic: Traffic = { open: new Set(), problems: [], lastMs: Date.now() };
  const answered = (request: Request) => {
    traffic.lastMs = Date.now();
    traffic.open.delete(request.url());
  };
  page.on("pageerror", (error) => traffic.problems.push(error.message));
  page.on("request", (request) => {
    traffic.lastMs = Date.now();
    traffic.open.add(request.url());
  });
  page.on("requestfinished", answered);
  page.on("requestfailed", answered);
  page.on("response", (response) => {
    if (response.status() >= 400) traffic.problems.push(`${response.status()} ${response.url()}`);
  });
  return traffic;
}

/**
 * Does what a person does where nothing moves any more: sends the login's form again (Odoo loses a click that comes before its scripts),
 * and loads any other page anew. What stood there is told.
 */
async function goesOn(page: Page, traffic: Traffic, password: string): Promise<void> {
  const still = Date.now() - traffic.lastMs;
  const submit = page.locator("form.oe_login_form button[type=submit]");
  if (still > 2000 && traffic.open.size === 0 && (await submit.isVisible())) {
    await page.fill("input[name=login]", "admin");
    await page.fill("input[name=password]", password);
    await submit.click();
  } else if (still > stillMs) {
    console.log(`      loaded once more: ${await standing(page, traffic)}`);
    traffic.open.clear();
    await page.reload();
  }
}

/** Where a page stands, for whoever reads why a test failed. */
async function standing(page: Page, { open, problems }: Traffic): Promise<string> {
  const text = (await page.locator("body").innerText()).replace(/\s+/g, " ").slice(0, 300);
  return `${page.url()} shows "${text}"; not answered: ${[...open].join(" ") || "nothing"}; wrong: ${problems.join(", ") || "nothing"}`;
}
