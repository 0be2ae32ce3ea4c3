import { type ErrorCode, errorCodes } from "../../components/shared/errors";
import type { ReportOrder } from "../../components/release/report-order";
import type { GateFailure } from "../report/schema";

/** A failed gate, as people are told of it. What was found is in the report alone: it may quote anything. */
export interface Alert {
  /** `project/stack` */
  readonly stack: string;
  readonly gate: string;
  readonly code: string;
  readonly severity: GateFailure["severity"];
  readonly summary: string;
  readonly remedy: string;
  readonly commit: string;
  /** `sha256:…`; empty before the push. */
  readonly digest: string;
  /** Whether it is critical, and about security. */
  readonly page: boolean;
}

/** A failed gate, after its texts have been cleaned. */
export interface Failed {
  readonly gate: string;
  /** `repository@sha256:…` */
  readonly image: string | undefined;
  readonly failure: GateFailure;
}

/** Codes of findings of security. */
const security: readonly ErrorCode[] = [
  "MALWARE_DETECTED",
  "OUTDATED_BASE_IMAGE",
  "SECURITY_CRITICAL",
  "SECURITY_HIGH",
  "SECURITY_VULN",
];

export function alertOf({ stack, commit }: ReportOrder, { gate, image, failure }: Failed): Alert {
  const { code, severity, summary, remedy } = failure;
  return {
    stack,
    gate,
    code: code ?? "no code",
    severity,
    summary,
    remedy,
    commit,
    digest: image?.split("@").at(1) ?? "",
    page: code !== undefined && errorCodes[code] === "critical" && security.includes(code),
  };
}

/** The alert as lines for people. */
export function linesOf({ stack, gate, code, severity, summary, remedy, commit, digest }: Alert): string[] {
  return [
    `${code} (${severity}): ${summary}`,
    `Stack: ${stack}, gate: ${gate}`,
    `Commit: ${commit}`,
    `Image: ${digest === "" ? "none was pushed" : digest}`,
    `Remedy: ${remedy}`,
    "Nothing was released. What was found is in .build/report/ of the machine that ran the update.",
  ];
}
