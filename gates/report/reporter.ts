import { errorCodes, ShipError } from "../../components/shared/errors";
import { type FetchedOrder, fetchReportOrder } from "../../components/release/report-order";
import { alertOf } from "../notify/alert";
import { tell } from "../notify/tell";
import type { GateResult } from "../gate";
import { cleaned, cleaner } from "./clean";
import { gather, type Result } from "./gather";
import { keep, kept } from "./results";
import type { GateFailure } from "./schema";
import { writeReport } from "./write";

/** Keeps the result of a gate, and tells of a failure. Whatever goes wrong here changes nothing about the gate. */
export interface Reporter {
  end(result: GateResult | Failed): Promise<void>;
}

type Failed = Omit<Result, "facts"> & Pick<GateResult, "facts">;

interface Watched {
  /** Folder of the project. */
  readonly root: string;
  /** `project/stack` */
  readonly stack: string;
  /** Order of the gate, which may name an image. */
  readonly order: unknown;
  say(line: string): void;
}

/**
 * Opens the reporter before the gate runs: once another gate has failed, the update may have ended before this one
 * does, and with it what the report needs. Without an update, as for a gate that is run by hand, nothing is kept.
 */
export async function openReporter({ root, stack, order, say }: Watched): Promise<Reporter> {
  const fetched = await fetchReportOrder(stack);
  if (fetched === undefined) return { end: () => Promise.resolve() };
  const clean = cleaner(root, fetched.secrets);
  const image = (order as { image?: string } | undefined)?.image;
  return {
    async end(result) {
      const known = cleaned<Result>({ ...result } as Result, clean);
      try {
        leave(root, fetched, image, known);
      } catch (error) {
        say(clean(`warning: the report could not be written: ${wordsOf(error)}`));
      }
      const { gate, failure } = known;
      if (failure === undefined) return;
      const problems = await tell(fetched.order.receivers, alertOf(fetched.order, { gate, image, failure }));
      for (const problem of problems) say(clean(`warning: ${problem}`));
    },
  };
}

/**
 * Keeps a result. As soon as a gate of the update has failed, the report is written, and anew with each gate that ends
 * after it: nothing comes after them that would.
 */
function leave(root: string, { order }: FetchedOrder, image: string | undefined, result: Result): void {
  keep(root, order, { ...result, begun: order.begun });
  const results = kept(root, order);
  if (results.some(({ outcome }) => outcome === "failed")) writeReport(root, gather(order, results, new Date(), image));
}

/** What a report says of an error. One without a code is a defect of a gate; it ends the update all the same. */
export function failureOf(error: unknown): GateFailure {
  if (error instanceof ShipError) return { ...error.failure, severity: errorCodes[error.code] };
  return {
    severity: "high",
    summary: "the gate broke off",
    found: wordsOf(error),
    expected: "a pass, or a failure that has a code",
    remedy: "run the update again; if it stays so, report it as a defect of this program",
  };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
