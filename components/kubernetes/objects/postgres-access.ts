/** Where PostgreSQL answers, and who works there. No passwords: those are files. */
export interface Postgres {
  readonly host: string;
  readonly port: number;
  /** Role that makes, clones and renames databases; the release's alone. */
  readonly admin: string;
  /** Odoo's own role, which owns its database and can make none. */
  readonly user: string;
  /**
   * A managed one has a certificate for its name, of the authority in {@link paths.databaseCa}. Inside of the namespace
   * its certificate is its own, and {@link channelBinding} proves it.
   */
  readonly sslmode: "require" | "verify-full";
  /** A managed PostgreSQL: its admin is no superuser. */
  readonly managed: boolean;
}

/**
 * How a client knows the PostgreSQL of its namespace without any authority: by SCRAM, in which the server proves that it
 * knows the password, too, bound to the certificate of this very connection. Who stands between the two has another
 * certificate, and that is seen. It is libpq's own variable, so it counts for Odoo, for its guard and for the worker alike;
 * a connection without TLS is refused by it as well.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-CHANNEL-BINDING
 */
export const channelBinding = { PGCHANNELBINDING: "require" } as const;
