/** Where PostgreSQL answers, and who works there. No passwords: those are files. */
export interface Postgres {
  readonly host: string;
  readonly port: number;
  /** Role that makes, clones and renames databases; the release's alone. */
  readonly admin: string;
  /** Odoo's own role, which owns its database and can make none. */
  readonly user: string;
  /** `verify-ca` with the authority in {@link paths.databaseCa}; `disable` inside of the namespace. */
  readonly sslmode: "disable" | "verify-ca";
  /** A managed PostgreSQL: its admin is no superuser. */
  readonly managed: boolean;
}
