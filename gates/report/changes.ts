import type { GateReport, HistoryEntry } from "./schema";

type Changes = NonNullable<GateReport["changes"]>;

/**
 * Compares a report with the newest update before it whose gates did not fail: what a reviewer of the release asks.
 * @param history updates of the stack, oldest first
 * @returns undefined where there was none, or neither has told what is in its image
 */
export function changesOf(report: GateReport, history: readonly HistoryEntry[]): Changes | undefined {
  const before = history.findLast(
    ({ begun, outcome, modules, findings }) =>
      Date.parse(begun) < Date.parse(report.begun) && outcome !== "failed" && (modules ?? findings) !== undefined,
  );
  if (before === undefined) return undefined;
  const { modules, findings } = report;
  const changes = {
    ...(modules && before.modules && { modules: modulesBetween(before.modules, modules) }),
    ...(findings && before.findings && { vulnerabilities: between(before.findings, findings) }),
  };
  return Object.keys(changes).length === 0 ? undefined : { commit: before.commit, begun: before.begun, ...changes };
}

function between(before: readonly string[], now: readonly string[]): NonNullable<Changes["vulnerabilities"]> {
  return {
    gained: now.filter((one) => !before.includes(one)),
    lost: before.filter((one) => !now.includes(one)),
  };
}

type Modules = NonNullable<GateReport["modules"]>;

function modulesBetween(before: Modules, now: Modules): NonNullable<Changes["modules"]> {
  const [earlier, later] = [new Map(Object.entries(before)), new Map(Object.entries(now))];
  return {
    added: [...later].filter(([name]) => !earlier.has(name)).map(([name, { version }]) => `${name} ${version}`),
    changed: [...later].flatMap(([name, { version, hash }]) => {
      const old = earlier.get(name);
      if (old === undefined || old.hash === hash) return [];
      return [old.version === version ? `${name} ${version}` : `${name} ${old.version} to ${version}`];
    }),
    removed: [...earlier].filter(([name]) => !later.has(name)).map(([name, { version }]) => `${name} ${version}`),
  };
}
