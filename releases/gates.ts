import { imageRepository } from "../components/registry/reference";
import { isReleaseTag } from "../components/release/released";
import { atOnce } from "../components/shared/at-once";
import { type GatesPredicate, gatesPredicate, predicateTypes } from "../components/signature/proof";
import { hangingOn, type StatementReader } from "../components/signature/referrers";
import { recall } from "../gates/report/history";
import type { HistoryEntry } from "../gates/report/schema";
import type { Settings } from "../settings";
import type { ReleasedImage } from "./images";

/** How the gates of an image ended, as far as it is told. */
export interface GatesTold {
  /** `incomplete`: nothing failed, and a part was not checked; null if nobody tells. */
  readonly outcome: "passed" | "incomplete" | "failed" | null;
  /**
   * Who tells: the signed statement that hangs on the image, which is only read here; this machine's report; the tag of
   * a release, which is set once the gates have passed; empty if nobody does.
   */
  readonly by: "statement" | "report" | "tag" | "";
  /** Parts that were not checked, one sentence each; what a tag or a report tells has none. */
  readonly notChecked: readonly string[];
}

/** For an image that nobody tells anything of. */
export const nothingTold: GatesTold = { outcome: null, by: "", notChecked: [] };

/**
 * Finds how the gates of these images ended, by digest. It verifies nothing: `npm run promote` and each update do.
 * @throws ShipError as the registry's client
 */
export async function gatesOf(
  root: string,
  { registry, gates }: Settings,
  client: StatementReader,
  images: readonly ReleasedImage[],
): Promise<ReadonlyMap<string, GatesTold>> {
  const reports = recall(root);
  const told = await atOnce(images, async ({ digest, tags }): Promise<[string, GatesTold]> => {
    const statement = gates.signing === "none" ? undefined : await statementOn(client, digest);
    const report = reports.findLast(({ image }) => image === `${imageRepository(registry)}@${digest}`);
    return [digest, statement ?? reported(report) ?? tagged(tags)];
  });
  return new Map(told);
}

/** Of several statements one without a failure is taken, as it is where they are verified. */
async function statementOn(client: StatementReader, digest: string): Promise<GatesTold | undefined> {
  const statements = (await hangingOn(client, digest)).bundles.flatMap(({ predicateType, digests, predicate }) =>
    predicateType === predicateTypes.attestation && digests.includes(digest)
      ? (gatesPredicate.safeParse(predicate).data ?? [])
      : [],
  );
  const all = statements.map(({ gates }) => stated(gates));
  return all.find(({ outcome }) => outcome !== "failed") ?? all[0];
}

function stated(gates: GatesPredicate["gates"]): GatesTold {
  const are = (...outcomes: string[]) => gates.every(({ outcome }) => outcomes.includes(outcome));
  return {
    outcome: are("passed") ? "passed" : are("passed", "incomplete") ? "incomplete" : "failed",
    by: "statement",
    notChecked: gates.flatMap(({ name, notChecked }) => notChecked.map((text) => `${name}: ${text}`)),
  };
}

function reported(entry: HistoryEntry | undefined): GatesTold | undefined {
  return entry && { outcome: entry.outcome, by: "report", notChecked: [] };
}

function tagged(tags: readonly string[]): GatesTold {
  return tags.some(isReleaseTag) ? { outcome: "passed", by: "tag", notChecked: [] } : nothingTold;
}
