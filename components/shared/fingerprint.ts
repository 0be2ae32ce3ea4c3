import { scryptSync } from "node:crypto";

/**
 * Names a secret, so that another one is a change: 16 hexadecimal digits, always the same. It is slow on purpose, since
 * a password that somebody chose could be guessed from a fast one.
 */
export function fingerprintOf(secret: string): string {
  return scryptSync(secret, "odoo-ship", 8, { N: 2 ** 14 }).toString("hex");
}
