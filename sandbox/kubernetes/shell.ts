import { ShipError } from "../../components/shared/errors";
import { inTerminal } from "../containers/terminal";
import { listClusters } from "./cluster";

/**
 * Runs kubectl as the cluster's administrator (the first one, or `--cluster ID`), with this terminal.
 * @returns its exit code.
 * @throws ShipError SANDBOX_FAILURE when there is no such cluster, or it is off.
 */
export async function onCluster(args: readonly string[]): Promise<number> {
  const [id, words] = args[0] === "--cluster" ? [args[1], args.slice(2)] : [undefined, args];
  const clusters = await listClusters();
  const cluster = clusters.find((one) => id === undefined || one.id === id);
  if (cluster?.state !== "running") {
    throw new ShipError({
      code: "SANDBOX_FAILURE",
      summary: "there is no cluster to run this on",
      found: clusters.length === 0 ? "no cluster" : clusters.map((one) => `cluster ${one.id}: ${one.state}`).join(", "),
      expected: id === undefined ? "a cluster that runs" : `the cluster ${id}, running`,
      remedy: "npm start makes it, and starts it again",
    });
  }
  return inTerminal(cluster.container, ["kubectl", ...words]);
}
