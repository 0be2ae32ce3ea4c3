import * as fs from "node:fs";
import * as path from "node:path";

import type { ReportOrder } from "../../components/release/report-order";
import { type GateRecord, recordSchema } from "./schema";

/** Folder with the results of the gates of one content in one stack, one file a gate. */
function folderOf(root: string, { stack, contentHash }: ReportOrder): string {
  const name = `${stack.split("/").at(-1) ?? stack}-${contentHash.slice(0, 12)}`;
  return path.join(root, ".build", "gates", name.replaceAll(/[^\w.-]/g, "-"));
}

/** Keeps a gate's result for the report of this update, and of a later one in which the gate need not run. */
export function keep(root: string, order: ReportOrder, record: GateRecord): void {
  const folder = folderOf(root, order);
  writeWhole(path.join(folder, `${record.gate}.json`), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Reads the results that hold for this update: passes of any update of this content, and failures of this one alone,
 * since a gate that failed before is to run again. A file that cannot be read counts as none.
 */
export function kept(root: string, order: ReportOrder): GateRecord[] {
  const folder = folderOf(root, order);
  return (fs.existsSync(folder) ? fs.readdirSync(folder) : [])
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => read(path.join(folder, name)))
    .filter(({ outcome, begun }) => outcome !== "failed" || begun === order.begun);
}

function read(file: string): GateRecord[] {
  try {
    const { success, data } = recordSchema.safeParse(JSON.parse(fs.readFileSync(file, "utf8")));
    return success ? [data] : [];
  } catch {
    return [];
  }
}

/** Writes a file so that a reader, or a gate that writes it at the same time, never meets half of one. */
export function writeWhole(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  fs.writeFileSync(part, text);
  fs.renameSync(part, file);
}
