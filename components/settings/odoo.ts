import { z } from "zod";

import { key, moduleName } from "./key";

/** Databases that PostgreSQL makes for itself. */
const taken = new Set(["postgres", "template0", "template1"]);

/** Options of Odoo by their names; components/odoo/options.ts says which may be set, and to what. */
const options = z
  .record(
    z.string().regex(/^([a-z][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$/, "an option's name has lower-case letters, digits and _"),
    z.union([z.string(), z.number(), z.boolean()], "an option's value is a text, a number, true or false"),
    "is not a map of options to values",
  )
  .default({});

/**
 * Extensions of PostgreSQL that reach neither files, nor programs, nor other servers: whoever has broken into Odoo
 * gains nothing by one. Never dblink, file_fdw, adminpack, or a language such as plpython3u.
 */
const extensions = [
  "btree_gin",
  "btree_gist",
  "citext",
  "cube",
  "fuzzystrmatch",
  "hstore",
  "intarray",
  "isn",
  "ltree",
  "pg_trgm",
  "pgcrypto",
  "postgis",
  "seg",
  "tablefunc",
  "unaccent",
  "uuid-ossp",
  "vector",
] as const;

/** Settings of the stack, and of Odoo in it. */
export const odooKeys = {
  "odoo:environment": key(
    "text",
    z.enum(["sandbox", "staging", "production"]),
    "`sandbox`, `staging` or `production`",
    "What the stack is. Staging builds images; production deploys a digest that staging released and never builds. " +
      "In a sandbox gates may leave something out: its registry is one of this machine.",
  ),
  "odoo:database": key(
    "text",
    z
      .string()
      // Restore points and copies are named after it, and PostgreSQL's names end at 63 characters.
      .regex(/^[a-z][a-z0-9_]{0,29}$/, "is not a database name")
      .refine((name) => !taken.has(name), "is a database of PostgreSQL's own")
      .default("odoo"),
    "up to 30 lower-case letters, digits and `_`",
    "Name of the database. It cannot be changed later: the filestore's path follows it.",
  ),
  "odoo:modules": key(
    "data",
    z.array(moduleName).default([]),
    "list of module names",
    "Modules that are installed at the first release, and at a later one if they are not yet. Removing a name " +
      "uninstalls nothing.",
  ),
  "odoo:demoData": key(
    "data",
    z.boolean().default(false),
    "`true` or `false`",
    "Whether a new database gets Odoo's demonstration data. Only in a sandbox.",
  ),
  "odoo:extensions": key(
    "data",
    z.array(z.enum(extensions, "is not an extension that an intruder in Odoo could not use")).default([]),
    `list of ${extensions.map((name) => `\`${name}\``).join(", ")}`,
    "Extensions that PostgreSQL's administrator makes in a new database, before modules are installed. Its image " +
      "must have them: the usual one has all but `postgis` and `vector`. Of a database that Odoo has had already: " +
      "docs/addons.md.",
  ),
  "odoo:options": key(
    "data",
    options,
    'map such as {"limit_time_real": 600}',
    "Options of Odoo's configuration file, over those of `deploy/odoo.conf`. They are Odoo's own, as its series has " +
      "them, or `<section>.<option>` for an addon's. What another setting decides is refused: docs/options.md.",
  ),
  "odoo:secretOptions": key(
    "data",
    options,
    "a secret, map as `odoo:options`",
    "Options whose values are secret, such as `smtp_password`: `pulumi config set --secret --path " +
      "odoo:secretOptions.smtp_password`. Odoo gets them in a file.",
    true,
  ),
} as const;
