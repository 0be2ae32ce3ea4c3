import type { ValueMap } from "../../values";
import { condition, idOf, listAt, numberAt, textAt, type KubeObject } from "../objects";

/** What keeps a pod from being ready, in the official plugin's words; empty for one that is ready or on its way. */
export function podProblems(pod: KubeObject): readonly string[] {
  if (textAt(pod, "status", "phase") === "Succeeded") return [];
  const scheduled = condition(pod, "PodScheduled");
  if (scheduled !== undefined && scheduled["status"] !== "True") {
    const message = textAt(scheduled, "message");
    return textAt(scheduled, "reason") !== "" && message !== "" ? [message] : [];
  }
  const blocking = ["Initialized", "Ready"]
    .map((type) => condition(pod, type))
    .find((item) => item !== undefined && item["status"] !== "True");
  if (blocking === undefined) return [];
  const statuses = [...listAt(pod, "status", "initContainerStatuses"), ...listAt(pod, "status", "containerStatuses")];
  const causes = statuses.flatMap(containerProblems);
  const message = textAt(blocking, "reason") === "" ? "" : textAt(blocking, "message");
  return message === "" && causes.length === 0
    ? []
    : [`[Pod ${idOf(pod)}]: ${[message, ...causes].filter((part) => part !== "").join("\n")}`];
}

/** A container of a pod that failed, and whether what failed was the run before the present one. */
export interface FailedContainer {
  readonly name: string;
  readonly previous: boolean;
  /** What it said at its end (its termination message), or "". */
  readonly message: string;
}

/** The containers of a pod that ended with an error. */
export function failedContainers(pod: KubeObject): readonly FailedContainer[] {
  const statuses = [...listAt(pod, "status", "initContainerStatuses"), ...listAt(pod, "status", "containerStatuses")];
  return statuses.flatMap((status): FailedContainer[] => {
    const name = textAt(status, "name");
    const isFailure = (state: "state" | "lastState"): boolean =>
      (numberAt(status, state, "terminated", "exitCode") ?? 0) !== 0;
    const message = (state: "state" | "lastState"): string => textAt(status, state, "terminated", "message");
    if (isFailure("state")) return [{ name, previous: false, message: message("state") }];
    return isFailure("lastState") ? [{ name, previous: true, message: message("lastState") }] : [];
  });
}

/** Whether a pod is scheduled, initialised and ready, or has done its work. */
export function isPodReady(pod: KubeObject): boolean {
  const holds = (type: string): boolean => condition(pod, type)?.["status"] === "True";
  return (
    holds("PodScheduled") && holds("Initialized") && (holds("Ready") || textAt(pod, "status", "phase") === "Succeeded")
  );
}

function containerProblems(status: ValueMap): readonly string[] {
  if (status["ready"] === true) return [];
  const problems: string[] = [];
  const waiting = textAt(status, "state", "waiting", "reason");
  if (waiting !== "" && waiting !== "ContainerCreating" && waiting !== "PodInitializing") {
    problems.push(`[${waiting}] ${textAt(status, "state", "waiting", "message")}`.trim());
  }
  const name = textAt(status, "name");
  const reason = textAt(status, "state", "terminated", "reason");
  const exitCode = numberAt(status, "state", "terminated", "exitCode") ?? 0;
  if (reason !== "" && reason !== "Completed") {
    const message = textAt(status, "state", "terminated", "message");
    problems.push(
      message === "" ? `container "${name}" completed with exit code ${exitCode}` : `[${reason}] ${message.trim()}`,
    );
  }
  const last = textAt(status, "lastState", "terminated", "reason");
  if (last !== "") {
    const [code, at] = [
      numberAt(status, "lastState", "terminated", "exitCode") ?? 0,
      textAt(status, "lastState", "terminated", "finishedAt"),
    ];
    problems.push(
      `container "${name}" terminated at ${at} (${last}: exit code ${code})`,
      textAt(status, "lastState", "terminated", "message").trim(),
    );
  }
  return problems.filter((problem) => problem !== "");
}
