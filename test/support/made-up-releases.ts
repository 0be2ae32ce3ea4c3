/**
 * Makes up a history of releases for the report of the gates: tests draw it, and people look at it.
 *
 *     npx tsx test/support/made-up-releases.ts FOLDER              # report.json, report.md, report.html of 30 releases
 *     npx tsx test/support/made-up-releases.ts FOLDER --pictures   # the page on a desk, on a phone and on paper, too
 *
 * The same numbers each time, from a generator with a seed. One release is made every 20 hours from 2026-01-05 on. Times
 * wander about 8 minutes, sizes grow from 1.7 GB by some MB each; releases 7 and 19 fail (tests, then a size above 2 GB
 * that is mended), 23 has a HIGH vulnerability, 28 a CRITICAL one, for which it fails. So each limit is passed once.
 */
import * as fs from "node:fs";
import * as path from "node:path";

import type { ReportOrder } from "../../components/release/report-order";
import { errorCodes, type ErrorCode } from "../../components/shared/errors";
import { gather, type Result } from "../../gates/report/gather";
import { entryOf } from "../../gates/report/history";
import type { GateReport, HistoryEntry } from "../../gates/report/schema";
import { rendered } from "../../gates/report/write";

export const madeUpOrder: ReportOrder = {
  stack: "odoo/staging",
  begun: "2026-01-05T08:00:00.000Z",
  commit: "0123456789abcdef0123456789abcdef01234567",
  contentHash: "c".repeat(64),
  receivers: {
    slackWebhook: "",
    mail: { server: "", username: "", password: "", from: "", to: [] },
    pagerduty: { key: "", url: "" },
  },
};

const procedure = {
  preflight: { title: "Dockerfiles, hooks of the repository, free disk", budgetSeconds: 60 },
  tests: { title: "tests and coverage of the addons", budgetSeconds: 120 },
  image: { title: "size, entrypoint, modules of the image", budgetSeconds: 120 },
  scan: { title: "vulnerabilities", budgetSeconds: 60 },
};
type Step = keyof typeof procedure;

const failing: Readonly<Record<number, readonly [Step, ErrorCode]>> = {
  7: ["tests", "TEST_FAILURE"],
  19: ["image", "IMAGE_SIZE_EXCEEDED"],
  28: ["scan", "SECURITY_CRITICAL"],
};

/** Reports of `count` releases, oldest first. */
export function madeUpReports(count = 30): GateReport[] {
  const chance = seeded(20260105);
  return Array.from({ length: count }, (_, at) => {
    const begun = new Date(Date.parse(madeUpOrder.begun) + at * 20 * 3_600_000);
    const seconds = Math.round(420 + 160 * chance() + (at === 14 ? 400 : 0));
    const bytes = Math.round(1.7e9 + at * 6e6 + (at === 19 ? 4e8 : 0) + 2e6 * chance());
    const order = { ...madeUpOrder, begun: begun.toISOString(), commit: commitOf(chance) };
    const results = resultsOf(at, bytes, chance);
    const image = results.length > 2 ? `registry.example.com/team/odoo@sha256:${"d".repeat(64)}` : undefined;
    return gather(order, results, new Date(begun.getTime() + seconds * 1000), image, procedure);
  });
}

export function madeUpHistory(count = 30): HistoryEntry[] {
  return madeUpReports(count).map(entryOf);
}

/** Results up to the gate that fails, or all. */
function resultsOf(at: number, bytes: number, chance: () => number): Result[] {
  const [stop, code] = failing[at] ?? [];
  const steps = Object.keys(procedure) as Step[];
  const facts: Partial<Record<Step, Result["facts"]>> = {
    image: {
      bytes,
      version: "Odoo Server 19.0",
      contents: [`shop 19.0.1.${at}.0 ${"a".repeat(11)}${at % 10}`, "shop_stock 19.0.1.0.0 bbbbbbbbbbbb"],
      layers: [
        `${4_000_000 + at} COPY /out/opt/odoo/extra-addons`,
        `${bytes - 1.2e9} RUN pip install`,
        "1200000000 ADD",
      ],
    },
    scan: {
      high: at === 23 ? 1 : 0,
      critical: at === 28 ? 1 : 0,
      findings: [...(at === 23 ? ["CVE-2026-1023 libxml2"] : []), ...(at < 27 ? ["CVE-2026-1001 zlib1g"] : [])],
    },
  };
  return steps.slice(0, stop === undefined ? steps.length : steps.indexOf(stop) + 1).map((gate) => ({
    gate,
    outcome: gate === stop ? "failed" : "passed",
    seconds: Math.round(procedure[gate].budgetSeconds * (3 + 6 * chance())) / 10,
    facts: facts[gate] ?? {},
    warnings: gate === "tests" && at % 10 === 4 ? ["the module shop has no test"] : [],
    notChecked: [],
    ...(gate === stop && code !== undefined && { failure: madeUpFailure(code) }),
  }));
}

export function madeUpFailure(code: ErrorCode): NonNullable<Result["failure"]> {
  return {
    code,
    severity: errorCodes[code],
    summary: "a gate has found something",
    found: "line 1\nline 2",
    expected: "nothing of the kind",
    remedy: "mend it, then run the update again",
  };
}

function commitOf(chance: () => number): string {
  return Array.from({ length: 40 }, () => Math.floor(16 * chance()).toString(16)).join("");
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Pictures of the page by a real browser, as docs/images has them. */
async function picture(folder: string): Promise<void> {
  const { openBrowser } = await import("./browser");
  const browser = await openBrowser({ domain: "report.test", host: "127.0.0.1" });
  try {
    for (const [name, width, height, media] of [
      ["desk", 1100, 800, "screen"],
      ["phone", 390, 844, "screen"],
      ["print", 794, 1123, "print"],
    ] as const) {
      const page = await browser.newPage({ viewport: { width, height } });
      await page.emulateMedia({ media, colorScheme: "light" });
      await page.setContent(fs.readFileSync(path.join(folder, "report.html"), "utf8"));
      // To the end of the charts, which stand before the table of thirty rows.
      const box = name === "phone" ? null : await page.locator(".charts").boundingBox();
      const clip = box === null ? {} : { fullPage: true, clip: { x: 0, y: 0, width, height: box.y + box.height + 16 } };
      await page.screenshot({ path: path.join(folder, `report-${name}.png`), ...clip });
    }
  } finally {
    await browser.close();
  }
}

if (require.main === module) {
  const folder = process.argv[2] ?? ".";
  const reports = madeUpReports();
  const last = reports.at(-1);
  if (last === undefined) throw new Error("no release was made up");
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(rendered(last, reports.map(entryOf))))
    fs.writeFileSync(path.join(folder, name), text);
  if (process.argv.includes("--pictures")) void picture(folder);
}
