import * as path from "node:path";

/**
 * Path of what a gate leaves beside the report about one image, named by its digest: `scan-0123456789ab.sarif`.
 * @param image `repository@sha256:…`
 */
export function reportFile(root: string, what: string, image: string, ending: string): string {
  const [, digest = ""] = image.split("@sha256:");
  return path.join(root, ".build", "report", `${what}-${digest.slice(0, 12)}.${ending}`);
}
