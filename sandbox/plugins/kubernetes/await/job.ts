import { condition, idOf, numberAt, textAt } from "../objects";
import { podsOf } from "./lists";
import { ready, type Rule } from "./rule";

/** Reasons of a failed Job that end the wait; the official plugin waits on for its whole time at others (a pod failure policy's). */
const ending: ReadonlySet<string> = new Set(["BackoffLimitExceeded", "DeadlineExceeded"]);

/** A Job is ready when it is complete. */
export const job: Rule = {
  group: "batch",
  kind: "Job",
  onRead: true,
  async look(live) {
    if (condition(live, "Complete")?.["status"] === "True") return ready;
    const status = (name: string): number => numberAt(live, "status", name) ?? 0;
    const counts = `(Active: ${status("active")} | Succeeded: ${status("succeeded")} | Failed: ${status("failed")})`;
    const progress = `Waiting for Job "${idOf(live)}" to succeed ${counts}`;
    const failed = condition(live, "Failed");
    if (failed?.["status"] !== "True") return { ready: false, problems: [], progress };
    const reason = textAt(failed, "reason");
    return {
      ready: false,
      failed: ending.has(reason),
      problems: [`[${reason}] ${textAt(failed, "message")}`],
      progress,
    };
  },
  related: async (live, looking) => ({ owners: [], pods: await podsOf(live, looking) }),
};
