import type { Settings } from "../../settings";
import type { NamedSecrets } from "../shared/secret-desk";
import { signingSecrets } from "../signature/policy";
import type { ReleasePlan } from "./plan";
import { reportSecrets } from "./report-order";
import { taggingSecrets } from "./tag-order";

/** Names, for the stack's desk, what the programs of a release need: gates, signature, tags, and the report. */
export function releaseSecrets(
  settings: Settings,
  plan: Pick<ReleasePlan, "build">,
  update: { stack: string; now: Date },
): NamedSecrets {
  return { ...taggingSecrets(settings), ...signingSecrets(settings), ...reportSecrets(settings, plan, update) };
}
