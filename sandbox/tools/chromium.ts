import { ShipError } from "../../components/shared/errors";
import { aptInstall, canInstall } from "./apt";
import { onPath, type Progress } from "./cache";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * A Chromium that is installed on this machine, or Debian's: its makers' own builds come from a site that a closed network may not reach.
 * @returns path of the executable.
 * @throws ShipError TOOL_MISSING.
 */
export async function ensureChromium(progress: Progress): Promise<string> {
  const found = installed();
  if (found !== undefined) return found;
  if (canInstall()) await aptInstall(["chromium"], progress);
  const now = installed();
  if (now !== undefined) return now;
  throw new ShipError({
    code: "TOOL_MISSING",
    summary: "there is no browser to look at Odoo with",
    found: `none of ${names.join(", ")} on PATH`,
    expected: "Chromium or Google Chrome on PATH, or root on a Debian, where it is installed",
    remedy: "install Chromium (`apt-get install chromium`), then run again",
  });
}

function installed(): string | undefined {
  return names.map((name) => onPath(name)).find((path) => path !== undefined);
}
