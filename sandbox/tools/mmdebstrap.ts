import { ShipError } from "../../components/shared/errors";
import { aptInstall, canInstall } from "./apt";
import { onPath, type Progress } from "./cache";

/**
 * mmdebstrap, which makes a minimal Debian where no image can be pulled.
 * @throws ShipError TOOL_MISSING.
 */
export async function ensureMmdebstrap(progress: Progress): Promise<string> {
  const found = onPath("mmdebstrap");
  if (found !== undefined) return found;
  if (canInstall()) await aptInstall(["mmdebstrap"], progress);
  const installed = onPath("mmdebstrap");
  if (installed !== undefined) return installed;
  throw new ShipError({
    code: "TOOL_MISSING",
    summary: "the base images can neither be pulled nor built",
    found: "no answer from the public registry, and no mmdebstrap to build them from Debian packages",
    expected: "a network that reaches the public registry, or mmdebstrap on PATH",
    remedy:
      "check the network (`docker pull odoo:18.0`; `docker login` if it is rate limited), or install mmdebstrap, then run again",
  });
}
