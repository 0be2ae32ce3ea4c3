import type { GateResult } from "../../gates/gate";
import type { Settings } from "../../settings";

/** What each gate looks at that a setting can leave out, in the order of the procedure. */
const subjects = {
  tests: "tests of the addons, and what is dangerous in them",
  scan: "vulnerabilities of the image",
  malware: "malware in the image",
  sbom: "what the image is made of",
  validation: "the image on a new database, and on one of the release before",
} as const;

export type Optional = keyof typeof subjects;
export const optionalGates = Object.keys(subjects) as readonly Optional[];

/** What the report has of a gate that is left out. */
export function switchedOff(gate: Optional): GateResult {
  return { gate, outcome: "incomplete", notChecked: [notChecked(gate)], seconds: 0, facts: {}, warnings: [] };
}

/** A sentence for each gate that is left out. */
export function gateWarnings(gates: Settings["gates"]): string[] {
  return optionalGates.filter((gate) => gates[gate] === "off").map((gate) => `Not checked: ${notChecked(gate)}.`);
}

function notChecked(gate: Optional): string {
  return `${subjects[gate]}, since gates:${gate} is off`;
}
