import { objectLabel } from "../../../sandbox/containers/docker";
import { networkName } from "../../../sandbox/containers/network";
import { run } from "../../../sandbox/process";

const name = "odoo-sandbox-bucket";
/** Beside the slots of machines, clusters and databases. */
const address = "198.18.77.250";
const serve = "mkdir -p /tmp/s3/attachments && exec rclone serve s3 /tmp/s3 --addr :9000 --addr :9001";

/** Where the bucket answers: by one port to a release's own programs, by another one to Odoo alone. */
export const bucket = {
  url: `http://${address}:9000/attachments`,
  /** As `release:egress` names it. */
  wayOut: `${address}/32:9000`,
  /** Where nothing but Odoo itself gets through. */
  ofOdoo: `http://${address}:9001/`,
};

/**
 * Starts an empty bucket beside the sandbox's machines.
 * @param image local name of one that has rclone, a server of S3's protocol
 */
export async function openBucket(image: string): Promise<void> {
  await closeBucket();
  await docker(
    ...["run", "--detach", "--name", name, "--label", objectLabel, "--no-healthcheck"],
    ...["--network", networkName, "--ip", address, "--entrypoint", "sh", image, "-c", serve],
  );
}

/** Checksums of what it holds. */
export async function objectsInBucket(): Promise<string[]> {
  return (await docker("exec", name, "ls", "/tmp/s3/attachments")).split("\n").filter((line) => line !== "");
}

/** Also when there is none. */
export async function closeBucket(): Promise<void> {
  await docker("rm", "--force", "--volumes", name);
}

async function docker(...args: string[]): Promise<string> {
  return (await run("docker", args, { what: `docker ${args[0] ?? ""} of the bucket`, limitMs: 60_000 })).stdout;
}
