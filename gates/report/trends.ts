import type { Chart } from "./charts";
import { goals, limits, successOverTime } from "./figures";
import type { HistoryEntry } from "./schema";
import { minute } from "./words";

/** Charts over the updates of a stack, with the limits of the procedure drawn in. */
export function chartsOf(entries: readonly HistoryEntry[]): Chart[] {
  const [first = "", last = ""] = [entries.at(0), entries.at(-1)].map((one) => one && minute(one.begun).slice(0, 10));
  const shared = { ends: [first, last] as const, failed: entries.map(({ outcome }) => outcome === "failed") };
  const { failures, seconds, bytes } = limits;
  const row = (
    name: string,
    value: (entry: HistoryEntry) => number | undefined,
    shape: "disc" | "square" = "disc",
  ) => ({
    name,
    shape,
    values: entries.map(value),
  });
  const success = successOverTime(entries);
  return [
    {
      ...shared,
      title: "Updates without a failed gate, so far",
      unit: "%",
      rows: [{ name: "share", shape: "disc", values: success.map((share) => share * 100) }],
      lines: [
        { at: goals.successTarget * 100, label: "target 98" },
        { at: 100 - failures.warning * 100, label: "warning below 95" },
        { at: 100 - failures.critical * 100, label: "critical below 90" },
      ],
      least: { from: 80, to: 100 },
    },
    {
      ...shared,
      title: "Time of an update",
      unit: "minutes",
      rows: [row("time", (entry) => entry.seconds / 60)],
      lines: [
        { at: goals.meanSeconds / 60, label: "mean below 10" },
        { at: seconds.warning / 60, label: "warning above 12" },
        { at: seconds.critical / 60, label: "critical above 15" },
      ],
      least: { from: 0, to: 16 },
    },
    {
      ...shared,
      title: "Size of the image",
      unit: "GB",
      rows: [row("size", (entry) => entry.bytes && entry.bytes / 1e9)],
      lines: [
        { at: bytes.warning / 1e9, label: "warning above 2" },
        { at: bytes.critical / 1e9, label: "critical above 2.5" },
      ],
      least: { from: 0, to: 3 },
    },
    {
      ...shared,
      title: "Vulnerabilities with a fix: HIGH (disc), CRITICAL (square)",
      unit: "",
      rows: [
        row("HIGH", (entry) => entry.vulnerabilities?.high),
        row("CRITICAL", (entry) => entry.vulnerabilities?.critical, "square"),
      ],
      lines: [{ at: 1, label: "1 HIGH: warning, 1 CRITICAL: critical" }],
      least: { from: 0, to: 4 },
    },
  ];
}
