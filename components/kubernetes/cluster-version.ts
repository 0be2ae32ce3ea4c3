import { ShipError } from "../shared/errors";

/**
 * Refuses a version of Kubernetes that a cluster cannot go to. If the version went down, the official provider would
 * replace the cluster, with everything in it.
 * @param running of the cluster that is there; undefined if it is yet to be made
 * @param offered what DigitalOcean offers now; one that runs already need not be among them
 * @throws ShipError KUBERNETES_VERSION_REFUSED
 */
export function judgeVersion(wanted: string, running: string | undefined, offered: readonly string[]): void {
  if (wanted === running) {
    return;
  }
  const refuse = (found: string, expected: string) =>
    new ShipError({
      code: "KUBERNETES_VERSION_REFUSED",
      summary: `the cluster cannot ${running === undefined ? "be made with" : "go to"} Kubernetes ${wanted}`,
      found,
      expected,
      remedy:
        `pulumi config set doks:version ${running ?? best(offered) ?? "<version>"}, or another one of: ` +
        `${list(offered)}`,
    });
  if (running !== undefined && compare(wanted, running) < 0) {
    throw refuse(
      `doks:version ${wanted}, and ${running} runs`,
      "the version that runs, or a newer one: going back would replace the cluster and lose its data",
    );
  }
  if (!offered.includes(wanted)) {
    throw refuse(`doks:version ${wanted} is not on offer`, `one of: ${list(offered)}`);
  }
  if (running !== undefined && minor(wanted) > minor(running) + 1) {
    throw refuse(`doks:version ${wanted}, and ${running} runs`, "one minor version at a time");
  }
}

function best(offered: readonly string[]): string | undefined {
  return [...offered].sort(compare).at(-1);
}

function list(offered: readonly string[]): string {
  return offered.length === 0 ? "none" : [...offered].sort(compare).join(", ");
}

/** `1.34.1-do.0`: version and DigitalOcean's own revision, as numbers. */
function parts(version: string): number[] {
  return version
    .split(/[.-]/)
    .filter((part) => /^\d+$/.test(part))
    .map(Number);
}

function minor(version: string): number {
  return parts(version)[1] ?? 0;
}

function compare(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  const index = left.findIndex((part, place) => part !== (right[place] ?? 0));
  return index < 0 ? 0 : (left[index] ?? 0) - (right[index] ?? 0);
}
