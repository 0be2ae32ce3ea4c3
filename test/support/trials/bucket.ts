import { Neighbour } from "./neighbour";

/** Beside the slots of machines, clusters and databases. */
const neighbour = new Neighbour("bucket", "198.18.77.250");
const serve = "mkdir -p /tmp/s3/attachments && exec rclone serve s3 /tmp/s3 --addr :9000 --addr :9001";

/** Where the bucket answers: by one port to a release's own programs, by another one to Odoo alone. */
export const bucket = {
  url: `http://${neighbour.address}:9000/attachments`,
  /** As `release:egress` names it. */
  wayOut: `${neighbour.address}/32:9000`,
  /** Where nothing but Odoo itself gets through. */
  ofOdoo: `http://${neighbour.address}:9001/`,
};

/**
 * Starts an empty bucket beside the sandbox's machines.
 * @param image local name of one that has rclone, a server of S3's protocol
 */
export function openBucket(image: string): Promise<void> {
  return neighbour.start(image, serve);
}

/** Checksums of what it holds. */
export async function objectsInBucket(): Promise<string[]> {
  return (await neighbour.exec("ls", "/tmp/s3/attachments")).split("\n").filter((line) => line !== "");
}

/** Also when there is none. */
export function closeBucket(): Promise<void> {
  return neighbour.remove();
}
