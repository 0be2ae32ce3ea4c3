import type { Settings } from "../../settings";
import type { AddressLimits } from "./sizing";

/** Processes and limits of one Odoo, as sized by its target. */
export interface OdooProcesses extends AddressLimits {
  readonly workers: number;
  readonly cronThreads: number;
  /** Connections to PostgreSQL that each process may open. */
  readonly dbMaxconn: number;
}

export interface OdooEnvironmentArgs<Text> {
  /** `sha256:…`, which Odoo's entrypoint compares with the marker in the database. */
  readonly digest: Text;
  readonly odoo: Settings["odoo"];
  /** Address of PostgreSQL, and other variables of its connections, in the container's order. */
  readonly connection: Readonly<Record<string, Text>>;
  /** Role in PostgreSQL. */
  readonly user: Text;
  /** Files with the passwords: the role's, and the one of Odoo's database manager. */
  readonly passwordFiles: { readonly role: string; readonly master: string };
  readonly processes: OdooProcesses;
}

/**
 * Variables of the image's entrypoint, on every target. Passwords are files.
 * @typeParam Text string where the text is known; an input of Pulumi where it may not be yet
 */
export function odooEnvironment<Text>(args: OdooEnvironmentArgs<Text>): Record<string, Text | string | number> {
  const { digest, odoo, connection, user, passwordFiles, processes } = args;
  return {
    ODOO_IMAGE_DIGEST: digest,
    ...connection,
    DB_USER: user,
    DB_NAME: odoo.database,
    DB_PASSWORD_FILE: passwordFiles.role,
    ADMIN_PASSWD_FILE: passwordFiles.master,
    WORKERS: processes.workers,
    MAX_CRON_THREADS: processes.cronThreads,
    DB_MAXCONN: processes.dbMaxconn,
    LIMIT_MEMORY_SOFT: processes.limitMemorySoft,
    LIMIT_MEMORY_HARD: processes.limitMemoryHard,
    PROXY_MODE: "True",
  };
}
