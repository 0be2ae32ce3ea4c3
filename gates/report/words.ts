import type { GateReport } from "./schema";

/** Text as it may stand in HTML, in an attribute, too. */
export function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (sign) => names[sign] ?? sign);
}

/** What differs from the release before, a row each: what it is, and which ones. */
export function changeRows({ modules, vulnerabilities }: NonNullable<GateReport["changes"]>): [string, string][] {
  const listed = (names: readonly string[]) => (names.length === 0 ? "none" : names.join(", "));
  return [
    ...(modules === undefined
      ? []
      : ([
          ["Modules changed", listed(modules.changed)],
          ["Modules added", listed(modules.added)],
          ["Modules removed", listed(modules.removed)],
        ] as [string, string][])),
    ...(vulnerabilities === undefined
      ? []
      : ([
          ["Vulnerabilities gained", listed(vulnerabilities.gained)],
          ["Vulnerabilities lost", listed(vulnerabilities.lost)],
        ] as [string, string][])),
  ];
}

/** Seconds as people say them. */
export function spokenSeconds(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? "" : ` ${whole % 60} s`}`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** A moment to the minute, in UTC. */
export function minute(iso: string): string {
  return `${iso.slice(0, 16).replace("T", " ")} UTC`;
}
