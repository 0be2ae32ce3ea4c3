import type { Settings } from "../../settings";

/** Where dumps go, as the worker reads it on every target (worker/odoo_ship/dump.py). It holds a private key. */
export interface DumpSettings {
  readonly destination: string;
  readonly hostKey: string;
  readonly privateKey: string;
  readonly keep: number;
}

/** Renders it; null where no dump is wanted. */
export function dumpSettings({ destination, hostKey, privateKey, keep }: Settings["backup"]): DumpSettings | null {
  return destination === "" ? null : { destination, hostKey, privateKey: privateKey?.reveal() ?? "", keep };
}
