import * as fs from "node:fs";
import * as path from "node:path";

import { readBaseImage } from "./base-image";
import { holdsSecret, instead, type Options, optionsOfLaterSeries, type StackOptions } from "../odoo/options";
import { ShipError } from "../shared/errors";

/** Options that the entrypoint takes from its variables and from nowhere else: what a file says of them is harmless. */
const decided =
  /^(db_(host|port|user|name|sslmode|maxconn)|workers|max_cron_threads|limit_memory_(soft|hard)|proxy_mode|http_port)$/;
const alsoDecided = new Set(["list_db", "dbfilter", "without_demo", "with_demo"]);
/** Values of options that the product owns which say what is so anyway. */
const asItIs: Readonly<Record<string, RegExp>> = {
  data_dir: /^\/var\/lib\/odoo$/,
  // The second holds links to the first.
  addons_path: /(^|,)\s*(\/opt\/odoo\/extra-addons|\/mnt\/extra-addons)\s*(,|$)/,
  http_interface: /^0\.0\.0\.0$/,
  http_enable: /^true$/i,
  gevent_port: /^8072$/,
  longpolling_port: /^8072$/,
};
const unset = /^(|false|none)$/i;

interface Line {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/**
 * Looks at the odoo.conf that is baked into the image.
 * @param file path in the project
 * @returns a sentence about options that other settings decide, if there are any
 * @throws ShipError SETTINGS_INVALID for secrets, which would be in a layer of the image, and for options with which
 *   the image would not serve
 */
export function judgeConfiguration(root: string, file: string): string[] {
  const lines = read(path.join(root, file)).filter(({ value }) => !unset.test(value));
  const found = lines.flatMap(({ section, name, value }) => {
    const own = isOdoos(section);
    if (holdsSecret(name)) {
      return [`${name}: is a secret; set it in odoo:secretOptions, unless the program makes it: docs/passwords.md`];
    }
    const words = own && !isDecided(name) && asItIs[name]?.test(value) !== true ? instead(name) : undefined;
    return words === undefined ? [] : [`${name}: ${words}`];
  });
  if (found.length > 0) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: `${file}, which becomes a part of the image, has what must not be there`,
      found: found.join("\n"),
      expected: "options of Odoo that are not secret, and that no setting decides",
      remedy: `take these lines out of ${file}`,
    });
  }
  const overruled = lines.filter(({ section, name }) => isOdoos(section) && isDecided(name));
  return overruled.length === 0
    ? []
    : [`${file}: ${overruled.map(({ name }) => name).join(", ")}: no effect, since settings decide: docs/options.md`];
}

/** Modules that each series loads for the whole server by itself. The worker knows them, too: `server_wide.py`. */
const usualServerWide = new Set(["base", "rpc", "web"]);

/**
 * Tells of modules that are loaded for the whole server: what they start there begins before a release is committed.
 * @param file odoo.conf that is baked, as a path in the project; undefined if an image is deployed by its digest
 * @param options those of the stack, which count before the file's
 */
export function serverWideWarnings(root: string, file: string | undefined, options: Options): string[] {
  const lines = file === undefined ? [] : read(path.join(root, file)).filter(({ section }) => isOdoos(section));
  const baked = lines.findLast(({ name }) => name === "server_wide_modules")?.value ?? "";
  const names = String(options["server_wide_modules"] ?? baked).split(",");
  const others = names.map((name) => name.trim()).filter((name) => name !== "" && !usualServerWide.has(name));
  if (unset.test(others.join()) || others.length === 0) return [];
  return [
    `server_wide_modules: ${others.join(", ")}: Odoo starts with them before a release is committed. On a VPS their ` +
      "own tables are held until then, and users wait at the proxy while servers change. What else they do is theirs " +
      "to answer for: docs/addons.md#a-module-that-works-by-itself",
  ];
}

/**
 * Refuses options that the recorded series of Odoo does not have.
 * @throws ShipError SETTINGS_INVALID, BASE_IMAGE_INVALID
 */
export function refuseOptionsOfLaterSeries(root: string, baseRecord: string, stack: StackOptions): void {
  // What the oldest has needs no look at the record.
  if (optionsOfLaterSeries(stack, "16.0").length === 0) {
    return;
  }
  const { series } = readBaseImage(root, baseRecord);
  const later = optionsOfLaterSeries(stack, series);
  if (later.length > 0) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: `Odoo ${series} does not know an option`,
      found: later.join("; "),
      expected: `options of Odoo ${series}, the series in ${baseRecord}`,
      remedy: "take them out of odoo:options and odoo:secretOptions",
    });
  }
}

function isDecided(name: string): boolean {
  return decided.test(name) || alsoDecided.has(name);
}

/**
 * Reads what Odoo's own parser would: names in lower case, values stripped. An indented line goes on with the value
 * before it, or is an option of its own, by how deep the one before it stands: here it counts as both.
 */
function read(file: string): Line[] {
  const lines: { section: string; name: string; value: string }[] = [];
  let section = "";
  for (const text of fs.readFileSync(file, "utf8").split(/\r?\n/)) {
    const line = text.trim();
    const header = /^\[(.+)\]/.exec(line);
    const option = /^([^#;[=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line);
    const last = lines.at(-1);
    if (/^\s/.test(text) && last?.section === section && !/^[#;]/.test(line)) {
      last.value = `${last.value} ${line}`.trim();
    }
    if (header !== null) {
      section = header[1] ?? "";
    } else if (option !== null) {
      lines.push({ section, name: (option[1] ?? "").toLowerCase(), value: option[2] ?? "" });
    }
  }
  return lines;
}

/** Whether Odoo reads it: its own section, and the one whose lines count in every section. */
function isOdoos(section: string): boolean {
  return section === "options" || section === "DEFAULT";
}
