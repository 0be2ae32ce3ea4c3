import * as path from "node:path";

import { type BaseImage, describeDrift } from "../components/image/base-image";
import { taggingLogin } from "../components/release/tag-order";
import { ShipError } from "../components/shared/errors";
import { withLogin } from "./docker";
import { type Facts, type Gate, GateFailure, type GateTools, type Passed } from "./gate";
import { type ImageConfig, layersOf } from "./layers";
import { reportFile } from "./report/files";
import { writeWhole } from "./report/results";
import { inTemporaryFolder } from "./temporary";
import { type Database, type DatabaseOrder, openDatabase, scanImage, type Trivy, trivyIn, writeSarif } from "./trivy";
import {
  type Exception,
  type Finding,
  findingsIn,
  judge,
  lineOf,
  type TrivyReport,
  type Verdict,
  withoutExcepted,
} from "./vulnerabilities";

export interface ScanOrder extends DatabaseOrder {
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
  readonly base: BaseImage;
  /** Whether a vulnerability without a fix stops a release, too. */
  readonly unfixed: "report" | "fail";
  readonly exceptions: readonly Exception[];
}

const mostLines = 20;

/** Known vulnerabilities of the pushed image. */
export const scan: Gate<ScanOrder> = {
  title: "known vulnerabilities of the image",
  budgetSeconds: 60,
  codes: {
    OUTDATED_BASE_IMAGE: {
      when: "all vulnerabilities that stop a release are in layers of the base image",
      remedy: "raise images/odoo/base-image.json to the newer digest, or image:epoch; build again",
    },
    SCAN_INCOMPLETE: {
      when: "the database is older than gates:databaseDays, or Trivy cannot scan the image or its distribution",
      remedy: "renew the database where gates:databaseFrom has it; else do what the message says",
    },
    SECURITY_CRITICAL: {
      when: "a CRITICAL vulnerability that has a fix is in the image, without an exception",
      remedy: "raise what it is in; or except it, with a reason and an end: docs/vulnerabilities.md",
    },
    SECURITY_HIGH: {
      when: "a HIGH vulnerability that has a fix is in the image, without an exception",
      remedy: "raise what it is in; or except it, with a reason and an end: docs/vulnerabilities.md",
    },
    TOOL_MISSING: {
      when: "Trivy is not installed, or its database cannot be had",
      remedy: "npm run gates:tools; name a mirror or a folder in gates:databaseFrom",
    },
  },
  async run(order, tools) {
    const program = await tools.find("trivy");
    if (program === undefined) return nothing;
    return inTemporaryFolder((folder) =>
      withLogin(order, async (login) => {
        const trivy = trivyIn(folder, program, { ...login });
        const database = await openDatabase(trivy, order, tools);
        return database === undefined ? nothing : scanned(trivy, database, order, tools);
      }),
    );
  },
};

const nothing: Passed = { facts: {}, warnings: [] };

async function scanned(trivy: Trivy, database: Database, order: ScanOrder, tools: GateTools): Promise<Passed> {
  tools.say(`trivy: ${order.image}`);
  const text = await scanImage(trivy, order.image, database);
  const report = JSON.parse(text) as TrivyReport & { Metadata?: { ImageConfig?: ImageConfig } };
  writeWhole(reportFile(tools.root, "scan", order.image, "json"), text);
  const config = report.Metadata?.ImageConfig;
  const findings = findingsIn(report, config === undefined ? [] : layersOf(config));
  const today = new Date().toISOString().slice(0, 10);
  const verdict = judge(findings, order.exceptions, { unfixedStops: order.unfixed === "fail", today });
  const sarif = reportFile(tools.root, "scan", order.image, "sarif");
  const unwritten = await writeSarif(trivy, JSON.stringify(withoutExcepted(report, verdict)), sarif);
  const facts = factsOf(verdict, database, path.basename(sarif));
  if (verdict.stopping.length > 0) throw await failure(verdict, facts, order);
  knowsDistribution(report, tools);
  return { facts, warnings: [...database.warnings, ...unwritten, ...warningsOf(report, verdict)] };
}

function factsOf({ stopping, excepted, unfixed }: Verdict, { updated, hours }: Database, sarif: string): Facts {
  const count = (grade: Finding["severity"]) => stopping.filter(({ severity }) => severity === grade).length;
  return {
    high: count("HIGH"),
    critical: count("CRITICAL"),
    findings: [...stopping, ...excepted.map(({ finding }) => finding), ...unfixed].map(nameOf),
    unfixed: unfixed.map(nameOf).slice(0, mostLines),
    excepted: excepted.map(({ finding, exception: { expires, reason } }) => {
      return `${nameOf(finding)} until ${expires}: ${reason}`;
    }),
    databaseOf: updated.toISOString(),
    databaseHours: hours,
    sarif,
  };
}

function nameOf({ id, package: name }: Finding): string {
  return `${id} ${name}`;
}

/** A scan that does not know the packages of the distribution finds none of their vulnerabilities. */
function knowsDistribution({ Metadata, Results = [] }: TrivyReport, { cannotCheck }: GateTools): void {
  if (Metadata?.OS?.Family !== undefined && Results.some(({ Class }) => Class === "os-pkgs")) return;
  cannotCheck(
    new ShipError({
      code: "SCAN_INCOMPLETE",
      summary: "the packages of the image's distribution were not checked",
      found: `Trivy does not know the distribution ${Metadata?.OS?.Family ?? "of the image"}`,
      expected: "a base image of a distribution that Trivy knows",
      remedy: "take the official image of Odoo as base, or raise Trivy",
    }),
  );
}

function warningsOf({ Metadata }: TrivyReport, { unfixed, unused }: Verdict): string[] {
  const { Family = "", Name = "", EOSL = false } = Metadata?.OS ?? {};
  const ids = unfixed.map(({ id, package: name }) => `${id} in ${name}`);
  return [
    ...(EOSL ? [`${Family} ${Name} gets no security updates any more: raise the base image`] : []),
    ...(ids.length === 0 ? [] : [`${ids.length} HIGH or CRITICAL without a fix yet: ${shortened(ids).join(", ")}`]),
    ...unused.map(
      ({ id, package: name }) =>
        `Trivy needs no exception for ${id} in ${name} any more: remove it, unless pip-audit does`,
    ),
  ];
}

async function failure({ stopping, expired }: Verdict, facts: Facts, order: ScanOrder): Promise<GateFailure> {
  const inBase = stopping.every((finding) => finding.inBase);
  const critical = stopping.some(({ severity }) => severity === "CRITICAL");
  const own = critical ? "SECURITY_CRITICAL" : "SECURITY_HIGH";
  const raise = inBase
    ? "raise the record of the base image (image:baseRecord), or image:epoch, which brings the distribution's updates"
    : "raise what they are in: a requirements.txt, image:pythonPackages, image:epoch for the distribution's updates";
  const newer = inBase ? await newerBase(order) : undefined;
  const ended = expired.map((one) => {
    return `the exception for ${one.id} in ${one.package} has expired on ${one.expires}: ${one.reason}`;
  });
  return new GateFailure(
    {
      code: inBase ? "OUTDATED_BASE_IMAGE" : own,
      summary: inBase
        ? "the base image has vulnerabilities of the grade HIGH or CRITICAL; nothing of ours has"
        : `the image has vulnerabilities of the grade ${critical ? "CRITICAL" : "HIGH"}`,
      found: [...shortened(stopping.map(lineOf)), ...ended, ...(newer === undefined ? [] : [newer])].join("\n"),
      expected: `none${order.unfixed === "fail" ? "" : " that has a fix"}, but those that gates:exceptions names`,
      remedy: `${raise}; or except one for a while: docs/vulnerabilities.md`,
    },
    facts,
  );
}

/** What the registry of the base image says at this moment: nobody needs to know it before. */
async function newerBase({ stack, image, base }: ScanOrder): Promise<string> {
  const [repository = ""] = image.split("@");
  const drift = await describeDrift(base, { repository, access: await taggingLogin({ stack }) });
  return drift ?? `${base.reference}:${base.tag} has no newer digest than ${base.digest} yet`;
}

function shortened(lines: readonly string[]): string[] {
  const rest = lines.length - mostLines;
  return rest <= 0 ? [...lines] : [...lines.slice(0, mostLines), `and ${rest} more, in .build/report/`];
}
