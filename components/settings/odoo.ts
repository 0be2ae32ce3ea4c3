import { z } from "zod";

import { key, moduleName } from "./key";

/** Databases that PostgreSQL makes for itself. */
const taken = new Set(["postgres", "template0", "template1"]);

/** Settings of the stack, and of Odoo in it. */
export const odooKeys = {
  "odoo:environment": key(
    "text",
    z.enum(["sandbox", "staging", "production"]),
    "`sandbox`, `staging` or `production`",
    "What the stack is. Staging builds images; production deploys a digest that staging released and never builds.",
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
} as const;
