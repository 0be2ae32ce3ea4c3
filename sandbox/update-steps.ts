import type { Step } from "./progress";
import { resourceProgress } from "./stack";
import type { Progress } from "./tools/cache";

/** A line that tells how much of a first update's half is done. */
type Milestone = readonly [line: RegExp, done: number];

const ofVps: readonly Milestone[] = [[/^docker:index:Image odoo-image-build created/, 0.4]];
const vpsServes = /^command:local:Command vps-odoo-release created/;
const ofCluster: readonly Milestone[] = [[/^kubernetes:batch\/v1:Job doks-odoo-upgrade created/, 0.8]];

export interface UpdateStepsArgs {
  /** Runs the update, and hands over each line that it prints. */
  run(onLine: (line: string) => void): Promise<void>;
  /** Titles of the steps that it comes after. */
  readonly after: readonly string[];
  /** Whether there was an update before: then little is left to do. */
  readonly again: boolean;
  /** Whether there is all that a cluster is made of. */
  clusterBuilt(): boolean;
  /** Where users find Odoo on the VPS. */
  vpsAddress(): string;
}

/**
 * One update as two steps: until Odoo serves on the VPS, and the rest, which the cluster takes. That waits more than it
 * works, and on a slow machine takes hardly longer. The second begins at once; if it does not, as what the cluster is
 * made of has failed, whoever ends the run ends the update, which would wait for it.
 */
export function updateSteps({ run, after, again, clusterBuilt, vpsAddress }: UpdateStepsArgs): readonly Step[] {
  const told = new Set<string>();
  let hear: (line: string) => void = () => undefined;
  let update = Promise.resolve();
  let goesOn = false;
  const vps: Step = {
    title: "pulumi up",
    after,
    work: again ? 20 : 180,
    async run(progress) {
      progress("reading the program", 0);
      const serves = new Promise<void>((resolve) => {
        hear = tellChanges(told, ofVps, (message, done) => {
          progress(message, done);
          if (vpsServes.test(message)) resolve();
        });
      });
      update = run((line) => hear(line));
      goesOn = await Promise.race([serves.then(() => true), update.then(() => false)]);
      if (goesOn) progress(`the VPS serves at ${vpsAddress()}`);
    },
  };
  const cluster: Step = {
    title: "Cluster",
    work: again ? 1 : { steady: 85 },
    async run(progress) {
      const tell: Progress = (message, done) => progress(message, done, clusterBuilt() ? undefined : "waits");
      hear = tellChanges(told, ofCluster, tell);
      if (goesOn && !clusterBuilt()) tell("its parts are being built");
      await update;
    },
  };
  return [vps, cluster];
}

/** Says each thing that Pulumi does once; what it repeats every second is left out. */
export function tellChanges(
  told: Set<string>,
  milestones: readonly Milestone[],
  progress: Progress,
): (line: string) => void {
  return (line) => {
    const message = resourceProgress(line)?.slice(0, 160);
    if (message === undefined || told.has(message)) return;
    told.add(message);
    progress(message, milestones.find(([sign]) => sign.test(message))?.[1]);
  };
}
