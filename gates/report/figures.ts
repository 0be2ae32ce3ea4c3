import type { HistoryEntry } from "./schema";

export type Level = "ok" | "warning" | "critical";

/** Above `warning` and above `critical` a figure is told as such. */
export interface Limits {
  readonly warning: number;
  readonly critical: number;
}

/** Limits of the build procedure. Shares of one, seconds, bytes, numbers. */
export const limits = {
  failures: { warning: 0.05, critical: 0.1 },
  seconds: { warning: 12 * 60, critical: 15 * 60 },
  bytes: { warning: 2e9, critical: 2.5e9 },
  high: { warning: 0, critical: Infinity },
  criticals: { warning: Infinity, critical: 0 },
} as const satisfies Record<string, Limits>;

export const goals = { success: 0.95, successTarget: 0.98, meanSeconds: 10 * 60 } as const;

export function levelOf(value: number, { warning, critical }: Limits): Level {
  if (value > critical) return "critical";
  return value > warning ? "warning" : "ok";
}

/** Figures of the updates of a stack. */
export interface Figures {
  readonly updates: number;
  readonly failed: number;
  /** Share of updates whose gates did not fail. */
  readonly success: number;
  readonly meanSeconds: number;
}

/** Undefined without any update. */
export function figuresOf(entries: readonly HistoryEntry[]): Figures | undefined {
  if (entries.length === 0) return undefined;
  const failed = entries.filter(({ outcome }) => outcome === "failed").length;
  const seconds = entries.reduce((sum, entry) => sum + entry.seconds, 0);
  return {
    updates: entries.length,
    failed,
    success: 1 - failed / entries.length,
    meanSeconds: seconds / entries.length,
  };
}

/** Share of updates that did not fail, at each update: among it and those before it. */
export function successOverTime(entries: readonly HistoryEntry[]): number[] {
  return entries.map((_, at) => figuresOf(entries.slice(0, at + 1))?.success ?? 1);
}
