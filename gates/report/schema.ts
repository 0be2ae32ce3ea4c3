import { z } from "zod";

import { type ErrorCode, errorCodes } from "../../components/shared/errors";

const codes = Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]];
const severity = z.enum(["medium", "high", "critical"]);
const facts = z.record(z.string(), z.union([z.number(), z.string(), z.array(z.string())]));
const count = z.number().int().min(0);

const failure = z.object({
  code: z.enum(codes).optional().describe("absent if the gate broke off with an error that is a defect of its own"),
  severity,
  summary: z.string(),
  found: z.string(),
  expected: z.string(),
  remedy: z.string(),
});

const result = z.object({
  gate: z.string(),
  outcome: z.enum(["passed", "incomplete", "failed"]).describe("incomplete: a part was not checked; never a pass"),
  seconds: z.number().min(0),
  facts,
  warnings: z.array(z.string()),
  notChecked: z.array(z.string()),
  failure: failure.optional(),
});

/** What a gate leaves behind on this machine: its result, and the update in which it ran. */
export const recordSchema = result.extend({ begun: z.iso.datetime() });

const gate = result.partial({ seconds: true }).extend({
  title: z.string(),
  budgetSeconds: z.number(),
  outcome: z.enum(["passed", "incomplete", "failed", "not run"]),
});

export const vulnerabilitiesSchema = z.object({ high: count, critical: count });

const modulesSchema = z.record(z.string(), z.object({ version: z.string(), hash: z.string() }));
const names = z.array(z.string());

export const reportSchema = z
  .object({
    schema: z.literal(1).describe("grows by one when a field changes its meaning or goes"),
    stack: z.string().describe("project/stack"),
    begun: z.iso.datetime().describe("when the update began; it names the update in the history"),
    ended: z.iso.datetime(),
    seconds: z.number().min(0).describe("from the update's begin to the end of its last gate"),
    budgetSeconds: z.number(),
    outcome: z.enum(["passed", "incomplete", "failed"]),
    commit: z.string().describe("last commit of what the image is made of"),
    contentHash: z.string(),
    image: z.string().optional().describe("repository@sha256:…; absent before the push"),
    bytes: count.optional().describe("size of the unpacked image"),
    vulnerabilities: vulnerabilitiesSchema.optional().describe("absent if nothing has looked for them"),
    modules: modulesSchema.optional().describe("of the team and of others, with the hash of their content"),
    findings: names.optional().describe("HIGH and CRITICAL, with a fix or without: `id package`"),
    layers: z
      .array(z.object({ bytes: count, by: z.string() }))
      .optional()
      .describe("of the unpacked image, the uppermost first; those without content are left out"),
    changes: z
      .object({
        commit: z.string(),
        begun: z.iso.datetime(),
        modules: z.object({ added: names, changed: names, removed: names }).optional(),
        vulnerabilities: z.object({ gained: names, lost: names }).optional(),
      })
      .optional()
      .describe("against the newest update before this one whose gates did not fail"),
    releases: z
      .array(z.object({ digest: z.string(), tags: names, commit: z.string(), created: z.string() }))
      .optional()
      .describe("the newest in the registry beside this image, the newest commit first; absent if it was not read"),
    gates: z.array(gate),
    warnings: z.array(z.string()),
    notChecked: z.array(z.string()),
  })
  .describe("Result of the release gates of one update");

/** An update in the history, in a line of its own. */
export const entrySchema = z.object({
  stack: z.string(),
  begun: z.iso.datetime(),
  outcome: reportSchema.shape.outcome,
  code: z.string().optional(),
  seconds: z.number().min(0),
  commit: z.string(),
  image: z.string().optional(),
  bytes: count.optional(),
  vulnerabilities: vulnerabilitiesSchema.optional(),
  modules: reportSchema.shape.modules,
  findings: reportSchema.shape.findings,
});

export type GateFailure = z.output<typeof failure>;
export type GateRecord = z.output<typeof recordSchema>;
export type GateReport = z.output<typeof reportSchema>;
export type HistoryEntry = z.output<typeof entrySchema>;

/** The published schema of report.json. */
export function publishedSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(reportSchema), null, 2)}\n`;
}
