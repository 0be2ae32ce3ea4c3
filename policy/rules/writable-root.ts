import { type Rule, unknown } from "../declared";
import { containersOf } from "../workloads";

/** Refuses containers whose own files can be changed. */
export const writableRoot: Rule = {
  name: "writable-root",
  refuses: "A container that can write to its own root file system.",
  because: "an intruder who can change the program there stays until the container is made anew, and nobody sees it",
  remedy:
    "in a pod set securityContext.readOnlyRootFilesystem to true, in a Compose file read_only: true; give what has " +
    "to write an emptyDir, a tmpfs or a volume of its own",
  check: (resource) =>
    containersOf(resource)
      .filter(({ readOnlyRoot }) => readOnlyRoot !== true && readOnlyRoot !== unknown)
      .map(({ place }) => `${place}: its root can be written`),
};
