import { type Rule, unknown } from "../declared";
import { type Container, containersOf } from "../workloads";

/** Refuses containers whose processes are root. */
export const runsAsRoot: Rule = {
  name: "runs-as-root",
  refuses: "A container that runs as root, or may.",
  because: "whoever breaks into it as root is one hole in the kernel away from the machine and all other containers",
  remedy:
    "in a pod set securityContext.runAsNonRoot to true and runAsUser to the image's own user; in a Compose file set " +
    'user: "uid:gid"; take privileged away',
  check: (resource) => containersOf(resource).flatMap((container) => reason(container)),
};

function reason({ place, user, nonRoot, privileged }: Container): string[] {
  if (privileged === true) {
    return [`${place}: privileged`];
  }
  const [id = ""] = String(user === unknown ? "known later" : (user ?? "")).split(":");
  if (id === "root" || Number(id === "" ? Number.NaN : id) === 0) {
    return [`${place}: user ${String(user)}`];
  }
  return id === "" && nonRoot !== true && nonRoot !== unknown ? [`${place}: no user, so the image decides`] : [];
}
