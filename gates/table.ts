import type { Gate } from "./gate";
import { image } from "./image";
import { preflight } from "./preflight";
import { signature } from "./signature";

/** Every gate, in the order of the procedure. */
export const gates = { preflight, image, signature } as const;

export type GateName = keyof typeof gates;

/** Order of a gate, by its name. */
export type OrderOf<N extends GateName> = (typeof gates)[N] extends Gate<infer Order> ? Order : never;
