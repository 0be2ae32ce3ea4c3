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
  const rows: [string, readonly string[] | undefined][] = [
    ["Modules changed", modules?.changed],
    ["Modules added", modules?.added],
    ["Modules removed", modules?.removed],
    ["Vulnerabilities gained", vulnerabilities?.gained],
    ["Vulnerabilities lost", vulnerabilities?.lost],
  ];
  return rows.flatMap(([what, names]) => (names === undefined ? [] : [[what, names.join(", ") || "none"]]));
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
