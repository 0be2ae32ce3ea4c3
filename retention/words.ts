import { printable } from "../components/shared/printable";
import { shortDigest } from "../releases/words";
import type { Judged, RetentionPlan } from "./plan";

/** Renders the plan for a terminal. Tags may be anybody's, reasons have digests of theirs. */
export function planText(repository: string, { keeps, goes, bytes }: RetentionPlan): string {
  return [
    `${repository}: ${counted(keeps)} stay, ${counted(goes)} go, about ${megabytes(bytes)}`,
    ...goes.filter(({ tags }) => tags.length > 0).map(line),
    ...(goes.length === 0 ? ["nothing goes"] : ["The reason of each, kept ones included: --json"]),
  ].join("\n");
}

function counted(judged: readonly Judged[]): string {
  const tags = judged.reduce((sum, one) => sum + one.tags.length, 0);
  return `${judged.length} manifests with ${tags} tags`;
}

function line({ digest, tags, date, reasons }: Judged): string {
  const [first = "", ...others] = tags;
  const names = others.length === 0 ? first : `${first} and ${others.length} more`;
  return printable(`goes  ${shortDigest(digest)}  ${date.slice(0, 10) || "no date"}  ${names}  ${reasons.join("; ")}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}
