import * as fs from "node:fs";
import * as path from "node:path";
import { containerPrefix, paths } from "../config";

/** On a database's container; its value is the database cluster's id. */
export const databaseLabel = "odoo.sandbox.database";

const mark = path.join(paths.state, "databases");

/** The database's container. */
export function containerName(id: string): string {
  return `${containerPrefix}-database-${id}`;
}

/** The Docker volume with its data. */
export function dataName(id: string): string {
  return `${containerName(id)}-data`;
}

/** Notes that this checkout has data of databases. */
export function noteDatabases(): void {
  fs.mkdirSync(mark, { recursive: true, mode: 0o700 });
}

/** Whether this checkout may have data of databases. */
export function hasDatabases(): boolean {
  return fs.existsSync(mark);
}
