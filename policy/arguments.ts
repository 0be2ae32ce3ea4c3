import * as path from "node:path";

/**
 * Arguments of Pulumi's command line by which an update or a preview keeps the rules. What is refused is refused in the
 * preview: an update with rules never skips it, or it would stop half way.
 *
 * The variable `POLICY_PACK` names another folder than `policy/`; `off` leaves the rules out, which is said.
 */
export function policyArguments(root: string, say: (text: string) => void): readonly string[] {
  const { POLICY_PACK: pack = "" } = process.env;
  if (pack === "off") {
    say("policy: not checked, POLICY_PACK is off (docs/policy.md)");
    return [];
  }
  return ["--policy-pack", path.resolve(root, pack === "" ? "policy" : pack)];
}
