import type { Settings } from "../../settings";
import { optionsText } from "./options";
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
  /** Files with the passwords, the role's and the one of Odoo's database manager, and with the secret options. */
  readonly files: { readonly role: string; readonly master: string; readonly options: string };
  readonly processes: OdooProcesses;
}

/**
 * Variables of the image's entrypoint, on every target: of the Odoo that serves, and of a release's tasks. What is
 * secret is a file.
 * @typeParam Text string where the text is known; an input of Pulumi where it may not be yet
 */
export function odooEnvironment<Text>(args: OdooEnvironmentArgs<Text>): Record<string, Text | string | number> {
  const { digest, odoo, connection, user, files, processes } = args;
  return {
    ODOO_IMAGE_DIGEST: digest,
    ...connection,
    DB_USER: user,
    DB_NAME: odoo.database,
    DB_PASSWORD_FILE: files.role,
    ADMIN_PASSWD_FILE: files.master,
    WORKERS: processes.workers,
    MAX_CRON_THREADS: processes.cronThreads,
    DB_MAXCONN: processes.dbMaxconn,
    LIMIT_MEMORY_SOFT: processes.limitMemorySoft,
    LIMIT_MEMORY_HARD: processes.limitMemoryHard,
    PROXY_MODE: "True",
    ...(Object.keys(odoo.options).length === 0 ? {} : { ODOO_OPTIONS: optionsText(odoo.options) }),
    ...(odoo.secretOptions === undefined ? {} : { ODOO_SECRET_OPTIONS_FILE: files.options }),
  };
}
