import type { GateTools } from "../../gates/gate";
import { onPath } from "../../gates/programs";

/** What a gate gets beside its order, and what it has told of. */
export interface WatchedTools extends GateTools {
  /** What it said was not checked. */
  readonly untold: string[];
}

/** Tools of a gate: programs of one folder alone. `strict`: as on a staging or production stack. */
export function gateTools(root: string, { strict = false } = {}): WatchedTools {
  const untold: string[] = [];
  return {
    root,
    untold,
    say: () => undefined,
    find: (program) => Promise.resolve(onPath(program, root)),
    cannotCheck: (error) => {
      if (strict) throw error;
      untold.push(error.failure.found);
    },
    notChecked: (why) => {
      untold.push(why);
    },
  };
}
