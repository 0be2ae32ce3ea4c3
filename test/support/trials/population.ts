import { createHash, randomBytes } from "node:crypto";

import type { RpcClient } from "../endpoint";
import type { Installation } from "./installation";
import { ledgerSequence } from "./addons";

const sizes = { lines: 5000, notes: 200, partners: 300, attachments: 200 };
const attachmentBytes = 8192;
const batch = 100;
/** What a restored copy must not use or send with; a populated database has both. */
export const planted = {
  mailServer: "Trial mail server",
  cron: "Trial scheduled action",
  user: "trial-user",
  password: "planted-user-password",
};

/** Attachments as they were written: id and SHA-256 of the bytes. */
export type Attachments = ReadonlyMap<number, string>;

/** Fills a database as a year of work would: lines with numbers of a sequence, partners, users, attachments in the filestore. */
export async function populate(odoo: Installation): Promise<Attachments> {
  await odoo.sql(
    `INSERT INTO trial_ledger_line (name, amount, number, create_uid, write_uid, create_date, write_date)
     SELECT 'line ' || n, n * 1.25, 'TL/' || lpad(nextval('${await sequenceOf(odoo)}')::text, 6, '0'), 1, 1, now(), now()
     FROM generate_series(1, ${sizes.lines}) n;
     INSERT INTO trial_note (name, line_id, create_uid, write_uid, create_date, write_date)
     SELECT 'note on ' || name, id, 1, 1, now(), now() FROM trial_ledger_line ORDER BY id LIMIT ${sizes.notes}`,
  );
  const client = await odoo.client();
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  await client.call("res.partner.category", "create", [numbers(20).map((n) => ({ name: `Trial category ${n}` }))]);
  await inBatches(client, "res.partner", numbers(sizes.partners), (n) => ({
    name: `Trial partner ${n}`,
    email: `${n}@example.com`,
  }));
  await client.call("res.users", "create", [
    numbers(4).map((n) => ({ name: `Trial user ${n}`, login: `${planted.user}-${n}`, password: planted.password })),
  ]);
  await client.call("ir.mail_server", "create", [{ name: planted.mailServer, smtp_host: "mail.example.com" }]);
  const [model] = (await client.call("ir.model", "search", [[["model", "=", "trial.ledger.line"]]])) as number[];
  await client.call("ir.cron", "create", [
    { name: planted.cron, model_id: model, state: "code", code: "pass", interval_number: 1, interval_type: "months" },
  ]);
  const contents = numbers(sizes.attachments).map(() => randomBytes(attachmentBytes));
  const ids = await inBatches(client, "ir.attachment", contents, (bytes) => ({
    name: "trial.bin",
    datas: bytes.toString("base64"),
    res_model: "trial.ledger.line",
    res_id: 1,
  }));
  return new Map(ids.map((id, index) => [id, sha256(contents[index] ?? Buffer.alloc(0))]));
}

/** What is wrong with the attachments as RPC reads them back now: one line each. */
export async function wrongAttachments(client: RpcClient, expected: Attachments): Promise<string[]> {
  const found = new Map<number, string>();
  for (const ids of chunks([...expected.keys()])) {
    const rows = (await client.call("ir.attachment", "search_read", [[["id", "in", ids]]], { fields: ["datas"] })) as {
      id: number;
      datas: string | false;
    }[];
    for (const { id, datas } of rows) found.set(id, sha256(Buffer.from(datas === false ? "" : datas, "base64")));
  }
  return [...expected].flatMap(([id, hash]) => {
    const now = found.get(id);
    return now === hash ? [] : [`attachment ${id}: ${now === undefined ? "is gone" : "has other bytes"}`];
  });
}

/** Name of PostgreSQL's sequence behind Odoo's. */
export async function sequenceOf(odoo: Installation): Promise<string> {
  const id = Number(await odoo.sql(`SELECT id FROM ir_sequence WHERE code = '${ledgerSequence}'`));
  return `ir_sequence_${id.toString().padStart(3, "0")}`;
}

async function inBatches<T>(
  client: RpcClient,
  model: string,
  items: readonly T[],
  values: (item: T) => object,
): Promise<number[]> {
  const ids: number[] = [];
  for (const part of chunks(items)) ids.push(...((await client.call(model, "create", [part.map(values)])) as number[]));
  return ids;
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / batch) }, (_, index) =>
    items.slice(index * batch, (index + 1) * batch),
  );
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
