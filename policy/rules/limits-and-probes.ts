import type { Rule } from "../declared";
import { containersOf } from "../workloads";

/** Refuses containers that may take all of a machine, or whose failure nobody would notice. */
export const limitsAndProbes: Rule = {
  name: "limits-and-probes",
  refuses: "A container without limits of memory and processors, or one that serves without probes.",
  because:
    "without limits one report takes the memory that the database needs; without probes users are sent to what hangs",
  remedy:
    "in a pod set resources.limits.memory and cpu, livenessProbe and readinessProbe; in a Compose file " +
    "deploy.resources.limits.memory and cpus, and healthcheck",
  check: (resource) =>
    containersOf(resource).flatMap(({ place, memory, cpu, missingProbes }) => {
      const missing = [
        ...(memory === undefined ? ["a limit of memory"] : []),
        ...(cpu === undefined ? ["a limit of processors"] : []),
        ...missingProbes,
      ];
      return missing.length === 0 ? [] : [`${place}: no ${missing.join(", no ")}`];
    }),
};
