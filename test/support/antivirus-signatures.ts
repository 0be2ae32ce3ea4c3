import * as fs from "node:fs";
import * as path from "node:path";

import { clamavTestDatabase } from "../../sandbox/tools/gate-tools";

/** What antivirus programs agree to find; in two halves, so that none finds it here. */
export const eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("");

/** Puts signatures for it into a new folder: they are as old as their files, and a checkout may be of any day. */
export function antivirusSignatures(folder: string): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of fs.readdirSync(clamavTestDatabase))
    fs.writeFileSync(path.join(folder, name), fs.readFileSync(path.join(clamavTestDatabase, name)));
}
