import { doksKeys } from "./settings/doks-keys";
import { imageKeys } from "./settings/image-keys";
import { odooKeys } from "./settings/odoo-keys";
import { registryKeys } from "./settings/registry-keys";
import { backupKeys, releaseKeys } from "./settings/release-keys";
import { vpsKeys } from "./settings/vps-keys";

export type { Key } from "./settings/key";

/**
 * Every configuration key of the program. The types of `Settings`, the validation, the reference in docs/configuration.md and the
 * refusal of unknown keys all come from this table.
 */
export const settingsKeys = { ...odooKeys, ...registryKeys, ...imageKeys, ...vpsKeys, ...doksKeys, ...releaseKeys, ...backupKeys } as const;
