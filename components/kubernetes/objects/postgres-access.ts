/** Address of PostgreSQL, and its roles. It has no passwords: those are files. */
export interface Postgres {
  readonly host: string;
  readonly port: number;
  /** Role that makes, clones and renames databases. Only the release has it. */
  readonly admin: string;
  /** Odoo's own role, which owns its database and can make none. */
  readonly user: string;
  /**
   * With a managed one: the certificate is for its name, by the authority in {@link paths.databaseCa}. In the
   * namespace: the certificate is the server's own, and {@link channelBinding} proves it.
   */
  readonly sslmode: "require" | "verify-full";
  /** A managed PostgreSQL: its admin is no superuser. */
  readonly managed: boolean;
}

/**
 * Setting by which a client knows the PostgreSQL of its namespace without any authority.
 *
 * By SCRAM the server proves that it knows the password, too, bound to the certificate of this very connection.
 * Somebody between the two has another certificate, and that is seen. A connection without TLS is refused as well. It
 * is libpq's own variable, so it counts for Odoo, its guard and the worker.
 *
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-CHANNEL-BINDING
 */
export const channelBinding = { PGCHANNELBINDING: "require" } as const;
