import type { RpcClient } from "../endpoint";

/** An Odoo under test as the harness reaches it from behind: on a host, or in plain Docker. */
export interface Installation {
  readonly database: string;
  /** What psql, as superuser of PostgreSQL, answers to `statement`: one line per row, columns separated by `|`. */
  sql(statement: string, database?: string): Promise<string>;
  /** Runs a command in the container of Odoo. */
  inOdoo(...command: string[]): Promise<string>;
  /** Logged in through the proxy. */
  client(login?: string, password?: string): Promise<RpcClient>;
}
