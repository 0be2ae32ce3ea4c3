import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { Page, Request } from "playwright-core";

import { paths } from "../../sandbox/config";
import { sleep, until } from "../../sandbox/process";
import { openBrowser } from "./browser";
import type { Site } from "./proxy-rules";
import { verifiedKey } from "./site-requests";

const limitMs = 600_000;
/** After which a page on which nothing comes and goes is loaded once more. */
const stillMs = 60_000;
const allImages = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)";

/**
 * Logs in by a browser that trusts nothing but the verified key, sees the apps page without a problem, and keeps a picture of it. One that
 * trusts known authorities only is stopped by the certificate.
 * @param picture name of the file: in docs/images with UPDATE_SCREENSHOT=1, else in the directory for temporary files
 */
export async function opensTheApps({ url, proxy }: Site, password: string, picture: string): Promise<void> {
  const [domain, { host }] = [url.hostname, proxy];
  const stranger = await openBrowser({ domain, host });
  try {
    await assert.rejects(goTo(await stranger.newPage(), url), /ERR_CERT_AUTHORITY_INVALID/);
  } finally {
    await stranger.close();
  }
  const browser = await openBrowser({ domain, host, trustedKey: await verifiedKey(proxy) });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(limitMs);
    const traffic = watch(page);
    await goTo(page, url);
    const cards = page.locator(".o_kanban_view .o_kanban_record:not(.o_kanban_ghost)");
    const seen = async () => {
      const whole = (await cards.first().isVisible()) && (await page.evaluate<boolean>(allImages));
      if (whole && traffic.givenUp === undefined) return true;
      await goesOn(page, url, traffic, password);
      return false;
    };
    assert.ok(
      await until(seen, limitMs, 1000),
      `no apps page in ${limitMs / 1000} s: ${await standing(page, traffic)}`,
    );
    assert.match(await page.locator(".o_control_panel").innerText(), /Apps/);
    assert.ok((await cards.count()) > 20, `${await cards.count()} apps`);
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
  /** A request that Chromium gave up: it does so with all when a network of the machine comes or goes, as those of other tests do. */
  givenUp: string | undefined;
}

function watch(page: Page): Traffic {
  const traffic: Traffic = { open: new Set(), problems: [], lastMs: Date.now(), givenUp: undefined };
  const ended = (request: Request) => {
    traffic.lastMs = Date.now();
    traffic.open.delete(request.url());
  };
  page.on("pageerror", (error) => traffic.problems.push(error.message));
  page.on("request", (request) => {
    traffic.lastMs = Date.now();
    traffic.open.add(request.url());
  });
  page.on("requestfinished", ended);
  page.on("requestfailed", (request) => {
    ended(request);
    const why = request.failure()?.errorText ?? "";
    if (why === "net::ERR_NETWORK_CHANGED") traffic.givenUp = request.url();
    // A page that is left drops what it has asked for.
    else if (why !== "net::ERR_ABORTED") traffic.problems.push(`${why} ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) traffic.problems.push(`${response.status()} ${response.url()}`);
  });
  return traffic;
}

/**
 * Does what a person does next: logs in where the form stands, and opens a page anew that lacks a part or on which nothing moves any more.
 * What stood there is told.
 */
async function goesOn(page: Page, url: URL, traffic: Traffic, password: string): Promise<void> {
  const still = Date.now() - traffic.lastMs;
  const submit = page.locator("form.oe_login_form button[type=submit]");
  if (traffic.givenUp !== undefined || still > stillMs) {
    console.log(`      opened once more: ${await standing(page, traffic)}`);
    // What a page says that lacks a part is told, and is no fault of it.
    if (traffic.givenUp !== undefined) traffic.problems.length = 0;
    traffic.givenUp = undefined;
    traffic.open.clear();
    await goTo(page, url);
  } else if (still > 2000 && traffic.open.size === 0 && (await submit.isVisible())) {
    await page.fill("input[name=login]", "admin");
    await page.fill("input[name=password]", password);
    await submit.click();
  }
}

/** Opens Odoo: the apps, or the login page where nobody is logged in. */
async function goTo(page: Page, url: URL, tries = 20): Promise<void> {
  await page.goto(`${url.href}odoo`).catch(async (error: unknown) => {
    // The second is Chromium's own page about the first.
    if (tries === 1 || !/ERR_NETWORK_CHANGED|interrupted by another navigation/.test(String(error))) throw error;
    await sleep(1000);
    await goTo(page, url, tries - 1);
  });
}

/** Where a page stands, for whoever reads why a test failed. */
async function standing(page: Page, { open, problems, givenUp = "nothing" }: Traffic): Promise<string> {
  const text = (await page.locator("body").innerText()).replace(/\s+/g, " ").slice(0, 300);
  return `${page.url()} shows "${text}"; not answered: ${[...open].join(" ") || "nothing"}; given up: ${givenUp}; wrong: ${problems.join(", ") || "nothing"}`;
}
