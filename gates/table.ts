import type { Gate } from "./gate";
import { image } from "./image";
import { malware } from "./malware";
import { preflight } from "./preflight";
import { sbom } from "./sbom";
import { scan } from "./scan";
import { signature } from "./signature";
import { tests } from "./tests";
import { validation } from "./validation";

/** Every gate, in the order of the procedure. */
export const gates = { preflight, image, tests, scan, malware, sbom, validation, signature } as const;

export type GateName = keyof typeof gates;

/** Order of a gate, by its name. */
export type OrderOf<N extends GateName> = (typeof gates)[N] extends Gate<infer Order> ? Order : never;
