import { doksKeys } from "./doks";
import { doksDatabaseKeys } from "./doks-database";
import { gatesKeys } from "./gates";
import { imageKeys } from "./image";
import { notifyKeys } from "./notify";
import { odooKeys } from "./odoo";
import { registryKeys } from "./registry";
import { backupKeys, releaseKeys } from "./release";
import { vpsKeys } from "./vps";

export type { Key } from "./key";

/**
 * Every configuration key of the program. The types of `Settings`, the validation, docs/configuration.md and the
 * refusal of unknown keys all come from this table.
 */
export const settingsKeys = {
  ...odooKeys,
  ...registryKeys,
  ...imageKeys,
  ...vpsKeys,
  ...doksKeys,
  ...doksDatabaseKeys,
  ...gatesKeys,
  ...notifyKeys,
  ...releaseKeys,
  ...backupKeys,
} as const;
