import type { OrderOf } from "../../gates/table";
import type { GateResult } from "../../gates/gate";
import type { Settings } from "../../settings";
import type { BuildPlan } from "../image/plan";
import type { Exception } from "../../gates/vulnerabilities";

/** Gates that look at what is in the pushed image and run nothing of it. Each can be switched off. */
export const scanners = ["scan", "malware", "sbom"] as const;
export type Scanner = (typeof scanners)[number];

type Pushed = Pick<OrderOf<"sbom">, "stack" | "image">;

/**
 * Orders of the scanners. What is in them makes a scanner run again; the day does not, so that an unchanged image costs
 * nothing.
 */
export function scannerOrders(
  pushed: Pushed,
  gates: Settings["gates"],
  base: BuildPlan["base"],
  exceptions: readonly Exception[],
): { readonly [S in Scanner]: OrderOf<S> } {
  const { databaseFrom, databaseDays, signaturesFrom, unfixed } = gates;
  return {
    scan: { ...pushed, base, unfixed, exceptions, databaseFrom, databaseDays },
    malware: { ...pushed, signaturesFrom, databaseDays },
    sbom: pushed,
  };
}

/** What the report has of a scanner that is switched off. */
export function switchedOff(gate: Scanner): GateResult {
  return { gate, outcome: "incomplete", notChecked: [notChecked(gate)], seconds: 0, facts: {}, warnings: [] };
}

/** A sentence for each scanner that is switched off. */
export function scannerWarnings(gates: Settings["gates"]): string[] {
  return scanners.filter((gate) => gates[gate] === "off").map((gate) => `Not checked: ${notChecked(gate)}.`);
}

const subjects: Readonly<Record<Scanner, string>> = {
  scan: "vulnerabilities of the image",
  malware: "malware in the image",
  sbom: "what the image is made of",
};

function notChecked(gate: Scanner): string {
  return `${subjects[gate]}, since gates:${gate} is off`;
}
