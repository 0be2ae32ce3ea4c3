import * as path from "node:path";

import type { Settings } from "../settings";

/**
 * Arguments of `pulumi up` by which an update keeps the rules; none for a sandbox, where nothing is worth it. What is
 * refused is refused in the preview: an update with rules never skips it, or it would stop half way.
 *
 * The variable POLICY_PACK names another folder than `policy/`; `off` leaves the rules out, which is said.
 */
export function policyArguments(
  root: string,
  environment: Settings["environment"],
  say: (text: string) => void,
): readonly string[] {
  if (environment === "sandbox") {
    return [];
  }
  const pack = process.env["POLICY_PACK"] ?? "";
  if (pack === "off") {
    say("policy: not checked, POLICY_PACK is off (docs/policy.md)");
    return [];
  }
  return ["--policy-pack", path.resolve(root, pack === "" ? "policy" : pack)];
}
