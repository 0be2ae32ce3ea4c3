/**
 * Writes the report of a release whose gates have all passed. Run by `ReleaseGates`; safe to run again, and it never
 * holds a release back.
 *
 * Environment: `REPORT`, JSON of {stack, image, results}: what ops/gate.ts has answered for each gate.
 */
import "../components/shared/compile-cache";
import { onCancel } from "../components/shared/cancel";
import { RegistryClient } from "../components/registry/client";
import { taggingLogin } from "../components/release/tag-order";
import { fetchReportOrder } from "../components/release/report-order";
import { cleaned, cleaner } from "../gates/report/clean";
import { gather, type Result } from "../gates/report/gather";
import type { GateReport } from "../gates/report/schema";
import { writeReport } from "../gates/report/write";
import { newestReleases } from "../releases/newest";

interface Run {
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
  /** JSON of a GateResult each. */
  readonly results: readonly string[];
}

async function main(): Promise<void> {
  const { stack, image, results } = JSON.parse(process.env["REPORT"] ?? "{}") as Run;
  const root = process.cwd();
  const fetched = await fetchReportOrder(stack);
  if (fetched === undefined) throw new Error("no update of this stack runs");
  const clean = cleaner(root, fetched.secrets);
  const passed = cleaned(
    results.map((text) => JSON.parse(text) as Result),
    clean,
  );
  const releases = await inRegistry(stack, image);
  const report = { ...gather(fetched.order, passed, new Date(), image), ...(releases && { releases }) };
  writeReport(root, report);
  console.log(`.build/report/report.html: ${report.outcome}`);
  for (const line of report.notChecked) console.log(`not checked: ${line}`);
}

/** Reads the releases; undefined if the registry does not answer: then the report does without. */
async function inRegistry(stack: string, image: string): Promise<GateReport["releases"]> {
  const [repository = "", digest = ""] = image.split("@");
  try {
    return await newestReleases(new RegistryClient(repository, await taggingLogin({ stack })), digest);
  } catch (error) {
    console.log(`the report has no list of releases: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

onCancel((how) => {
  console.error(`${how}: the report may be that of an earlier update.`);
  process.exit(130);
});

main().catch((error: unknown) => {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(`warning: there is no report of this release: ${reason}`);
});
