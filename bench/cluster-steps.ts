import type { OwnStack } from "./own-stack";

/** Milliseconds since 1970: when an update began, and when its code answered. */
export interface Span {
  readonly begun: number;
  readonly served: number;
}

/** Seconds, by what they went to. */
export type Parts = readonly (readonly [part: string, seconds: number])[];

/** Where the time of the last release in a cluster went: its steps in their order, and what came before and after. */
export async function clusterSteps(stack: OwnStack, span: Span): Promise<Parts> {
  const odoo = ["--namespace", "odoo"];
  // Not pods by this label: a Job of the database's image has it, too, for the network.
  const job = await stack.kubectl([...odoo, "get", "jobs", "--selector", "app=odoo-upgrade", "--output", "name"]);
  return partsOf(await stack.kubectl([...odoo, "logs", job, "--container", "odoo-ship", "--timestamps"]), span);
}

/** Of lines that the worker prints when a step begins, with the time that Kubernetes puts before them. */
export function partsOf(log: string, { begun, served }: Span): Parts {
  const steps = [...log.matchAll(/^(\S+Z) \S+Z ([a-z]+)$/gm)];
  if (steps.length === 0) throw new Error(`the release's Job names no step:\n${log}`);
  const moments = [
    ["until the worker begins", begun] as const,
    ...steps.map(([, at = "", step = ""]) => [step, Date.parse(at)] as const),
  ];
  return moments.map(([part, at], index) => {
    const [, end] = moments[index + 1] ?? ["", served];
    return [index === steps.length ? `${part}, and until the answer` : part, (end - at) / 1000];
  });
}
