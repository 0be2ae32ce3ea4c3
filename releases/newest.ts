import type { GateReport } from "../gates/report/schema";
import { type ImageReader, readImages } from "./images";

/** So many releases the report of the gates lists. */
const most = 20;

/**
 * Lists the newest releases that the registry has, for the report of the gates: by the dates of their commits.
 * @param digest of the image that the report is about, which may be a release already or not yet
 * @throws ShipError as the registry's client
 */
export async function newestReleases(
  registry: ImageReader,
  digest: string,
): Promise<NonNullable<GateReport["releases"]>> {
  const images = await readImages(registry, []);
  return images
    .filter((one) => one.digest !== digest)
    .sort((a, b) => b.created.localeCompare(a.created) || a.digest.localeCompare(b.digest))
    .slice(0, most)
    .map(({ digest, tags, revision, created }) => ({ digest, tags: [...tags], commit: revision, created }));
}
