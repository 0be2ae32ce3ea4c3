import { type ErrorCode, errorCodes } from "../../components/shared/errors";
import type { ReportOrder } from "../../components/release/report-order";
import type { GateFailure } from "../report/schema";

/** A failure, as people are told of it. What was found is in none: it may quote anything. */
export interface Alert {
  /** `project/stack` */
  readonly stack: string;
  /** Gate or resource that failed. */
  readonly at: string;
  readonly code: string;
  readonly severity: GateFailure["severity"];
  readonly summary: string;
  /** Whether it is critical, and about security. */
  readonly page: boolean;
  /** What it says beyond that, in lines for people. */
  readonly rest: readonly string[];
  /** The same for programs. */
  readonly details: Readonly<Record<string, string>>;
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
  "ATTESTATION_REFUSED",
  "IMAGE_UNSIGNED",
  "MALWARE_DETECTED",
  "OUTDATED_BASE_IMAGE",
  "SECURITY_CRITICAL",
  "SECURITY_HIGH",
  "SECURITY_VULN",
  "SIGNATURE_INVALID",
];

/** The part of an alert that follows from the code; without one it is a defect, or the words of a provider. */
export function gravity(code: ErrorCode | undefined): Pick<Alert, "code" | "severity" | "page"> {
  if (code === undefined) return { code: "no code", severity: "high", page: false };
  const severity = errorCodes[code];
  return { code, severity, page: severity === "critical" && security.includes(code) };
}

export function alertOf({ stack, commit }: ReportOrder, { gate, image, failure }: Failed): Alert {
  const { code, summary, remedy } = failure;
  const digest = image?.split("@").at(1) ?? "";
  return {
    stack,
    at: gate,
    ...gravity(code),
    summary,
    rest: [
      `Stack: ${stack}, gate: ${gate}`,
      `Commit: ${commit}`,
      `Image: ${digest === "" ? "none was pushed" : digest}`,
      `Remedy: ${remedy}`,
      "Nothing was released. What was found is in .build/report/ of the machine that ran the update.",
    ],
    details: { remedy, commit, digest },
  };
}

/** The alert as lines for people. */
export function linesOf({ code, severity, summary, rest }: Alert): string[] {
  return [`${code} (${severity}): ${summary}`, ...rest];
}
