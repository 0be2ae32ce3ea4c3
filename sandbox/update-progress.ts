import { resourceProgress } from "./stack";
import type { Progress } from "./tools/cache";

const vpsServes = /^command:local:Command vps-odoo-release created/;
/**
 * What the work of a first update goes into. The cluster's part waits more than it works: on a slow machine it takes
 * hardly longer.
 */
const milestones: readonly (readonly [line: RegExp, share: number])[] = [
  [/^docker:index:Image odoo-image-build created/, 0.3],
  [vpsServes, 0.45],
  [/^kubernetes:batch\/v1:Job doks-odoo-upgrade created/, 0.2],
];

/**
 * Says each thing that Pulumi does once; what it repeats every second is left out.
 * @param served says that Odoo serves on the VPS, which may be long before the update ends
 */
export function tellChanges(progress: Progress, served: (progress: Progress) => void): (line: string) => void {
  let done = 0;
  progress("reading the program", done);
  const told = new Set<string>();
  return (line) => {
    const message = resourceProgress(line)?.slice(0, 160);
    if (message === undefined || told.has(message)) return;
    told.add(message);
    const share = milestones.find(([sign]) => sign.test(message))?.[1];
    done += share ?? 0;
    progress(message, share === undefined ? undefined : done);
    if (vpsServes.test(message)) served(progress);
  };
}
