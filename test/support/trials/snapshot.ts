import type { Installation } from "./installation";
import { writerPrefix } from "./writers";

/** A database and its filestore at one moment, small enough to compare. */
export interface Snapshot {
  /** Rows and checksum over them, by table. */
  readonly tables: Readonly<Record<string, string>>;
  /** Last value, by sequence. */
  readonly sequences: Readonly<Record<string, number>>;
  /** Files that attachments name and that are gone, or whose bytes are not what their name (a checksum) says. */
  readonly wrongFiles: readonly string[];
}

/** Tables that move while nobody works, and why a release may leave other rows in them. */
const volatile: Readonly<Record<string, string>> = {
  bus_bus: "messages to browsers that are open now",
  ir_cron: "scheduled actions write their last and next run",
  ir_cron_progress: "progress of scheduled actions",
  ir_cron_trigger: "scheduled actions that are due",
  ir_logging: "log lines",
  ir_profile: "measurements",
  res_device_log: "a row per session and device",
  res_users_log: "a row per log-in",
};
/** Signals between Odoo's processes: a row, or a sequence's value, per emptied cache. */
const signals = /^(orm|base_registry|base_cache)_signaling/;
/** Rows that are no one's data, by table. */
const rowsThatCount: Readonly<Record<string, string>> = {
  // Bundles of style sheets and scripts, made anew at the first request after a start.
  ir_attachment: "url IS NULL OR url NOT LIKE '/web/assets/%'",
  // What the concurrent clients write is accounted for by them, line by line.
  trial_ledger_line: `name NOT LIKE '${writerPrefix}%'`,
};

/** Statement that answers the rows of the trial's own table, and a checksum over them. */
export const ledgerSum = "SELECT count(*) || ' ' || md5(string_agg(l::text, '' ORDER BY id)) FROM trial_ledger_line l";

/** @param database another one than the live one, such as a restored point */
export async function snapshot(odoo: Installation, database = odoo.database): Promise<Snapshot> {
  const tables = (await odoo.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1", database))
    .split("\n")
    .filter((table) => !Object.hasOwn(volatile, table) && !signals.test(table));
  if (tables.length < 50) throw new Error(`not a database of Odoo: it has the tables ${tables.join(", ")}`);
  const sums = tables.map((table) => {
    const where = Object.hasOwn(rowsThatCount, table) ? `WHERE ${rowsThatCount[table] ?? ""}` : "";
    return `SELECT '${table}', count(*) || ' rows, ' || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"), '')) FROM "${table}" t ${where}`;
  });
  const [rows, values] = await Promise.all([
    odoo.sql(sums.join(" UNION ALL "), database),
    odoo.sql(
      "SELECT sequencename, coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
      database,
    ),
  ]);
  const pairs = (text: string) =>
    text.split("\n").map((line) => [line.split("|")[0] ?? "", line.split("|")[1] ?? ""] as const);
  const sequences = pairs(values).filter(
    ([name]) => !signals.test(name) && !Object.hasOwn(volatile, name.replace(/_id_seq$/, "")),
  );
  return {
    tables: Object.fromEntries(pairs(rows)),
    sequences: Object.fromEntries(sequences.map(([name, value]) => [name, Number(value)])),
    wrongFiles: await wrongFiles(odoo, database),
  };
}

/** Names of the tables whose rows are different. */
export function changedTables(before: Snapshot, after: Snapshot): string[] {
  const names = new Set([...Object.keys(before.tables), ...Object.keys(after.tables)]);
  return [...names].filter((name) => before.tables[name] !== after.tables[name]).sort();
}

/**
 * What is different, one line each; empty if nothing is.
 * @param writing whether clients wrote in between: sequences may then have gone on, and never back
 */
export function differences(before: Snapshot, after: Snapshot, writing = false): string[] {
  const sequences = [...new Set([...Object.keys(before.sequences), ...Object.keys(after.sequences)])].sort();
  const told = (what: string, name: string, old: unknown, now: unknown) =>
    `${what} ${name}: was ${String(old ?? "not there")}, is ${String(now ?? "not there")}`;
  return [
    ...changedTables(before, after).map((name) => told("table", name, before.tables[name], after.tables[name])),
    ...sequences
      .filter((name) => {
        const [old, now] = [before.sequences[name], after.sequences[name]];
        return writing && old !== undefined && now !== undefined ? now < old : now !== old;
      })
      .map((name) => told("sequence", name, before.sequences[name], after.sequences[name])),
    ...after.wrongFiles.map((file) => `file of an attachment: ${file}`),
  ];
}

async function wrongFiles(odoo: Installation, database: string): Promise<string[]> {
  // A file's name is the SHA-1 of its bytes, and what an attachment calls it.
  const directory = `/var/lib/odoo/filestore/${database}`;
  const script = `cd ${directory} && find . -path ./checklist -prune -o -type f -print0 | xargs -0 -r sha1sum`;
  const [named, found] = await Promise.all([
    odoo.sql(
      `SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname > '' AND (${rowsThatCount["ir_attachment"] ?? ""})`,
      database,
    ),
    odoo.inOdoo("sh", "-c", script),
  ]);
  const sums = new Map(found.split("\n").map((line) => [line.slice(44), line.slice(0, 40)]));
  return named.split("\n").flatMap((file) => {
    const sum = sums.get(file);
    if (sum === undefined) return [`${file} is gone`];
    return file.endsWith(sum) ? [] : [`${file} has other bytes`];
  });
}
