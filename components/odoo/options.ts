import type { Secret } from "../shared/secret";
import record from "./odoo-options.json";

/** Options by their names: `limit_time_real`, or `queue_job.channels` in another section of the file. */
export type Options = Readonly<Record<string, string | number | boolean>>;

type Kind = keyof typeof record;
/** Options that may be set: what kind of value each takes, and the first series that has it. */
const known = new Map(
  Object.entries(record).flatMap(([kind, options]) =>
    Object.entries(options).map(([name, since]) => [name, { kind: kind as Kind, since }] as const),
  ),
);

const perTarget = (key: string) => `the product sets it; set vps:${key} or doks:${key}`;
const notHere = "the product sets it, and it cannot be set";
const memory = perTarget("odooMemoryMiB");
const image = "files of the container are gone when it ends; leave it out";
const oneShot = "it is for a single run of Odoo, not for a server";
const logs = "Odoo logs to its container's log; leave it out";

/** Options that are refused, and what to do in their place. */
const owned = new Map<string, string>(
  Object.entries({
    admin_passwd: "the product makes it, and the database manager is off",
    addons_path: "modules are baked into the image; set image:addons or image:ocaAddons",
    data_dir: "attachments are kept on the volume there; it cannot be set",
    db_name: "the product sets it; set odoo:database",
    db_maxconn: "the product sets it; set doks:dbMaxconn, on a VPS it is sized",
    dbfilter: "one database is served; set odoo:database",
    list_db: "the list of databases is off, and stays off",
    with_demo: "set odoo:demoData",
    without_demo: "set odoo:demoData",
    demo: "set odoo:demoData",
    workers: perTarget("workers"),
    max_cron_threads: perTarget("cronThreads"),
    limit_memory_soft: memory,
    limit_memory_hard: memory,
    limit_memory_soft_gevent: memory,
    limit_memory_hard_gevent: memory,
    proxy_mode: "Odoo is behind the proxy always",
    x_sendfile: "the proxy does not know it; leave it out",
    longpolling_port: notHere,
    gevent_port: notHere,
    logfile: logs,
    syslog: logs,
    log_db: logs,
    log_db_level: logs,
    pidfile: image,
    screencasts: image,
    screenshots: image,
    dev_mode: "it shows the code and reloads it; develop with docker compose up",
    test_enable: "tests change data; run them in the test stage of the image",
    test_file: "tests change data; run them in the test stage of the image",
    test_tags: "tests change data; run them in the test stage of the image",
    config: oneShot,
    save: oneShot,
    init: "set odoo:modules",
    update: "a release updates what has changed; leave it out",
    reinit: oneShot,
    stop_after_init: oneShot,
    import_partial: oneShot,
    shell_interface: oneShot,
    language: oneShot,
    load_language: oneShot,
    translate_in: oneShot,
    translate_out: oneShot,
    translate_modules: oneShot,
    overwrite_existing_translations: oneShot,
    bin_path: "the image has its programs in PATH",
    pg_path: "the image has its programs in PATH",
    root_path: notHere,
  }),
);

/** Says what to do in place of an option that the product owns; undefined for all others. */
export function instead(name: string): string | undefined {
  return owned.get(name) ?? (/^(db|http|xmlrpc)_|^_/.test(name) ? notHere : undefined);
}

/** Tells whether Odoo keeps a secret in the option. Addons' names tell it, too: `queue_job.http_auth_password`. */
export function holdsSecret(name: string): boolean {
  return known.get(name)?.kind === "secret" || /passw|secret|token|api_?key/.test(name);
}

const kinds: Readonly<Record<Kind, readonly [(value: string) => boolean, string]>> = {
  text: [isLine, "a line of text"],
  secret: [isLine, "a line of text"],
  whole: [(value) => /^-?\d{1,15}$/.test(value), "a whole number"],
  number: [(value) => /^-?\d{1,15}(\.\d+)?$/.test(value), "a number"],
  flag: [(value) => /^(true|false)$/i.test(value), "true or false"],
};

/** Odoo's parser strips values, and a value of several lines would bring options of its own. */
function isLine(value: string): boolean {
  return value !== "" && value === value.trim() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value);
}

/** Options of a stack: those that may be shown, and the others as `optionsText` renders them. */
export interface StackOptions {
  readonly options: Options;
  readonly secretOptions: Secret | undefined;
}

function secretsOf({ secretOptions }: StackOptions): Options {
  return JSON.parse(secretOptions?.reveal() ?? "{}") as Options;
}

/** Lists what is wrong with options whatever the series: one line each, without any value. */
export function optionProblems(stack: StackOptions): string[] {
  const { options: plain } = stack;
  const secret = secretsOf(stack);
  const problems: string[] = [];
  for (const [key, options] of [
    ["odoo:options", plain],
    ["odoo:secretOptions", secret],
  ] as const) {
    for (const [name, value] of Object.entries(options)) {
      const wrong = problemOf(name, value);
      if (wrong !== undefined) {
        problems.push(`${key}: ${name}: ${wrong}`);
      } else if (options === plain && holdsSecret(name)) {
        problems.push(
          `${key}: ${name}: is a secret; set it with: pulumi config set --secret --path ` +
            `'odoo:secretOptions["${name}"]'`,
        );
      } else if (options === secret && name in plain) {
        problems.push(`${key}: ${name}: is in odoo:options, too; keep one of them`);
      }
    }
  }
  return problems;
}

function problemOf(name: string, value: string | number | boolean): string | undefined {
  // Odoo's own section, and what every section takes from it: the same option by another name.
  if (/^(options|default)\./i.test(name)) {
    return "is written without its section";
  }
  const refused = instead(name);
  if (refused !== undefined) {
    return refused;
  }
  const found = known.get(name);
  if (found === undefined && !name.includes(".")) {
    return (
      "is no option of Odoo; one that an addon reads belongs into deploy/odoo.conf, and one of another section is " +
      "written <section>.<option>"
    );
  }
  const [fits, expected] = kinds[found?.kind ?? "text"];
  return fits(String(value)) ? undefined : `is not ${expected}`;
}

/** Lists options that this series of Odoo does not have, each with the first that does: it would not look at them. */
export function optionsOfLaterSeries(stack: StackOptions, series: string): string[] {
  return [stack.options, secretsOf(stack)]
    .flatMap(Object.keys)
    .filter((name) => Number(known.get(name)?.since ?? 0) > Number(series))
    .map((name) => `${name}, of Odoo ${known.get(name)?.since ?? ""}`);
}

/** Renders options as the image's entrypoint reads them: sorted, so that the order in a stack file is no change. */
export function optionsText(options: Options): string {
  const entries = Object.entries(options).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries.map(([name, value]) => [name, inFile(value)])));
}

/** As Odoo writes it. */
function inFile(value: string | number | boolean): string {
  return /^(true|false)$/i.test(String(value)) ? (/^t/i.test(String(value)) ? "True" : "False") : String(value);
}
