import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { paths, registryAddress } from "../sandbox/config";
import { runSteps, type Step } from "../sandbox/progress";
import { sleep } from "../sandbox/process";
import { Endpoint } from "../test/support/endpoint";
import type { ServersFile } from "../sandbox/servers";
import { readServers } from "../sandbox/servers-control";
import { hostSteps } from "../sandbox/steps";
import type { Bench } from "./bench";
import { Builder } from "./builder";
import { ByHand } from "./by-hand";
import { changed, changedAndClosed } from "./changed";
import { clusterSteps } from "./cluster-steps";
import { interleave, median } from "./measure";
import { OwnStack } from "./own-stack";
import { machineAndDay, type Row, table, writeReport } from "./report";
import { Serving } from "./serving";
import { emptyProject, engineVersion, noChangeUp, noChangeUpWithStandIns, type Project } from "./stacks";

const noChangeRounds = 5;
const changeRounds = 3;
/** Until what the last turn has started has ended: old pods, the first requests of new ones. */
const restMs = 10_000;
const reportFile = path.join(paths.root, "docs", "benchmarks.md");

const text = `The program with both targets, on a host and a cluster of the benchmark's own. The yardstick of the no-change updates is
an empty TypeScript program on a backend of the same kind; the lines below them leave out the processor time that the
sandbox's stand-ins for the official plugins took. The changed addon is one more line in an installed module. The time
from it to serving ends when an answer over JSON-RPC comes from the new code; a client asks every 250 ms, with a
connection of its own each time. One \`pulumi up\` brings the change to both targets at once, and they share
the machine's cores.

By hand is \`docker build && docker push && kubectl set image && kubectl rollout status\` on the same node, of the same Dockerfile, for a Deployment
with as many workers, the same limits and a probe as frequent, with a PostgreSQL and a volume of its own. With \`odoo -u\`, the new image upgrades the changed module in a Job
before \`kubectl set image\`, while the old pod serves. By hand there is no check of the addons, no restore point, no rehearsal on a copy of the database, no maintenance page while
the database changes, nothing that stops the old code then or rolls back after a failure, no proxy, no cron of its own, no
other target, and the time to type is not counted. Each target alone is measured in a stack that has no other; by hand is then what is safe by hand: build and push, no pod of
Odoo while a Job runs \`odoo -u\` of the new image, then a pod of it. The door is closed from the first answer that is not the login page to the next one that is. The parts of the cluster alone are the steps of its release, rehearsal included, and what comes before and after them. What is repeated is given as median (least to most) of ${noChangeRounds} no-change updates and ${changeRounds} changes, the sides taking
turns.`;

export const targetsBench: Bench = {
  help: "a changed addon on both targets against kubectl by hand; a no-change update of both against an empty program",
  run,
};

async function run(): Promise<void> {
  const say = (line: string): void => console.log(line);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "odoo-bench-"));
  process.once("exit", () => fs.rmSync(directory, { recursive: true, force: true }));
  await runSteps(hostSteps(), say);
  const servers = readServers();
  if (servers === undefined) throw new Error("the sandbox's servers have ended: see `npm run sandbox -- logs`");
  const measurement = new Measurement(directory, servers);
  try {
    await runSteps(measurement.steps(), say);
    say(`\n${table(measurement.rows())}\n`);
    writeReport(reportFile, { name: "targets", text, facts: await measurement.facts(), rows: measurement.rows() });
    say(`written to ${path.relative(process.cwd(), reportFile)}`);
  } finally {
    await measurement.remove(say);
  }
}

class Measurement {
  readonly #builder: Builder;
  #stack: OwnStack | undefined;
  #hand: ByHand | undefined;
  readonly #servings: Serving[] = [];
  #empty: Project | undefined;
  readonly #noChange: Row[] = [];
  readonly #ours = { vps: [] as number[], kubernetes: [] as number[], command: [] as number[] };
  readonly #alone = { vps: [] as number[], doks: [] as number[], doksClosed: [] as number[], refused: [] as number[] };
  readonly #parts = new Map<string, number[]>();
  readonly #safe = { served: [] as number[], closed: [] as number[] };
  readonly #byHand = { plain: [] as number[], plainCommand: [] as number[], upgrade: [] as number[] };

  constructor(
    private readonly directory: string,
    private readonly servers: ServersFile,
  ) {
    this.#builder = new Builder({ ...servers.pull, serveraddress: registryAddress });
  }

  steps(): readonly Step[] {
    return [
      { title: "Host and cluster of its own", work: 240, run: (progress) => this.#install(progress) },
      { title: "Deployment by hand", work: 60, run: (progress) => this.#installByHand(progress) },
      { title: "No-change updates", work: 60, run: (progress) => this.#updates(progress) },
      { title: "Changed addon to serving", work: 420, run: (progress) => this.#changes(progress) },
      { title: "The cluster alone", work: 420, run: (progress) => this.#clusterAlone(progress) },
      { title: "The VPS alone", work: 420, run: (progress) => this.#vpsAlone(progress) },
    ];
  }

  rows(): readonly Row[] {
    const row = (title: string, ours: readonly number[], yardstick: readonly number[]): Row => ({
      title,
      unit: "seconds",
      ours,
      yardstick,
    });
    const { vps, kubernetes, command } = this.#ours;
    const { plain, plainCommand, upgrade } = this.#byHand;
    return [
      ...this.#noChange,
      row("Changed addon to serving on the VPS, against by hand on the cluster", vps, plain),
      row("Changed addon to serving on the cluster, against by hand", kubernetes, plain),
      row("Changed addon to serving on the VPS, against by hand with `odoo -u`", vps, upgrade),
      row("Changed addon to serving on the cluster, against by hand with `odoo -u`", kubernetes, upgrade),
      row("Changed addon to the end of `pulumi up`, against that of `kubectl rollout status`", command, plainCommand),
      row("Door closed in the cluster, against no pod by hand", this.#alone.doksClosed, this.#safe.closed),
      row("A refusal while the door is closed in the cluster, against half a second", this.#alone.refused, [0.5]),
      row("Changed addon to serving on the cluster alone, against that by hand", this.#alone.doks, this.#safe.served),
      ...[...this.#parts].map(([part, taken]) =>
        row(`of the cluster alone: ${part}, against all that by hand`, taken, [median(this.#safe.served)]),
      ),
      row("Changed addon to serving on the VPS alone, against that by hand", this.#alone.vps, this.#safe.served),
    ];
  }

  async facts(): Promise<readonly string[]> {
    return [
      machineAndDay(),
      `Docker ${await this.#builder.engineVersion()} with BuildKit, Pulumi ${await engineVersion()}, Node ${process.version}`,
      "Host, cluster, registry and clients are the sandbox's, on this one machine: no network in between, and a database of one module",
    ];
  }

  /** Also after a failure: machines that nobody uses would stay. */
  async remove(say: (line: string) => void): Promise<void> {
    for (const serving of this.#servings) serving.close();
    if (this.#stack === undefined) return;
    say("taking the host and the cluster away");
    await this.#stack.remove();
    await this.#builder.removeImages(this.#stack.images);
  }

  async #install(progress: (line: string) => void): Promise<void> {
    this.#stack = await OwnStack.create(this.directory, this.servers);
    progress("pulumi up, from nothing");
    await this.#stack.update();
  }

  async #installByHand(progress: (line: string) => void): Promise<void> {
    const stack = this.#own();
    const dockerfile = path.join(stack.project.directory, "images", "odoo", "Dockerfile");
    this.#hand = new ByHand(stack, this.#builder, { dockerfile, target: "runtime" });
    await this.#hand.install(progress);
  }

  async #updates(progress: (line: string) => void): Promise<void> {
    await this.#compareUpdates("both targets", progress);
  }

  async #clusterAlone(progress: (line: string) => void): Promise<void> {
    const stack = this.#own();
    const hand = this.#handed();
    progress("pulumi up without the VPS");
    await stack.keepOnly("doks");
    const [ours, theirs] = [await stack.onKubernetes(), await hand.deployed()];
    const [kubernetes, plain] = [this.#serving("the cluster", ours), this.#serving("the Deployment by hand", theirs)];
    const [door, handsDoor] = [new Endpoint(ours.address), new Endpoint(theirs.address)];
    await interleave(
      changeRounds,
      async (round) => {
        await sleep(restMs);
        let begun = 0;
        const { served, closed } = await changedAndClosed(kubernetes, door, stack, () => {
          begun = Date.now();
          return stack.update();
        });
        for (const [part, taken] of await clusterSteps(stack, { begun, served: begun + served * 1000 }))
          this.#parts.set(part, [...(this.#parts.get(part) ?? []), taken]);
        this.#alone.doks.push(served);
        this.#alone.doksClosed.push(closed.seconds);
        this.#alone.refused.push(...closed.refusals);
        progress(
          `cluster, ${round + 1} of ${changeRounds}: ${served.toFixed(1)} s, closed ${closed.seconds.toFixed(1)} s`,
        );
        return served;
      },
      async (round) => {
        await sleep(restMs);
        const { served, closed } = await changedAndClosed(plain, handsDoor, stack, (plan) =>
          hand.release(plan, "closed"),
        );
        this.#safe.served.push(served);
        this.#safe.closed.push(closed.seconds);
        progress(
          `by hand, ${round + 1} of ${changeRounds}: ${served.toFixed(1)} s, closed ${closed.seconds.toFixed(1)} s`,
        );
        return served;
      },
    );
    for (const endpoint of [door, handsDoor]) endpoint.close();
  }

  /** Last, since it takes the cluster away. */
  async #vpsAlone(progress: (line: string) => void): Promise<void> {
    const stack = this.#own();
    progress("pulumi up of a VPS, without the cluster");
    await stack.keepOnly("vps");
    await this.#compareUpdates("the VPS alone", progress);
    const vps = this.#serving("the VPS", await stack.onVps());
    for (let round = 0; round < changeRounds; round += 1) {
      await sleep(restMs);
      const { served } = await changed(
        { vps },
        () => stack.changeAddon(),
        () => stack.update(),
      );
      this.#alone.vps.push(served.vps);
      progress(`VPS, ${round + 1} of ${changeRounds}: ${served.vps.toFixed(1)} s`);
    }
  }

  async #compareUpdates(what: string, progress: (line: string) => void): Promise<void> {
    const standIns: number[] = [];
    const empty = (this.#empty ??= await emptyProject(this.directory));
    const tell = (name: string, round: number, taken: number) => {
      progress(`${name}, ${round + 1} of ${noChangeRounds}: ${taken.toFixed(1)} s`);
      return taken;
    };
    const ours = async (round: number) => {
      const found = await noChangeUpWithStandIns(this.#own().project);
      standIns.push(found.standIns);
      return tell(`our program with ${what}`, round, found.taken);
    };
    const yardstick = async (round: number) => tell("empty program", round, await noChangeUp(empty));
    const pair = await interleave(noChangeRounds, ours, yardstick);
    this.#noChange.push(
      { title: `No-change \`pulumi up\` with ${what}`, unit: "seconds", ...pair },
      {
        title: "The same without the processor time of the sandbox's stand-in plugins",
        unit: "seconds",
        ours: pair.ours.map((taken, round) => taken - (standIns[round] ?? 0)),
        yardstick: pair.yardstick,
      },
    );
  }

  async #changes(progress: (line: string) => void): Promise<void> {
    const stack = this.#own();
    const hand = this.#handed();
    const vps = this.#serving("the VPS", await stack.onVps());
    const kubernetes = this.#serving("the cluster", await stack.onKubernetes());
    const plain = this.#serving("the Deployment by hand", await hand.deployed());
    const tell = (round: number, what: string, taken: number) =>
      progress(`${what}, ${round + 1} of ${changeRounds}: ${taken.toFixed(1)} s`);

    const ours = async (round: number) => {
      await sleep(restMs);
      const found = await changed(
        { vps, kubernetes },
        () => stack.changeAddon(),
        () => stack.update(),
      );
      this.#ours.vps.push(found.served.vps);
      this.#ours.kubernetes.push(found.served.kubernetes);
      this.#ours.command.push(found.command);
      tell(round, "VPS", found.served.vps);
      tell(round, "cluster", found.served.kubernetes);
      return found.command;
    };
    const byHand = async (round: number) => {
      for (const upgrade of [false, true]) {
        await sleep(restMs);
        let plan = await stack.plan();
        const found = await changed(
          { plain },
          async () => void (plan = await stack.changeAddon()),
          () => hand.release(plan, upgrade ? "odoo -u" : "image alone"),
        );
        this.#byHand[upgrade ? "upgrade" : "plain"].push(found.served.plain);
        if (!upgrade) this.#byHand.plainCommand.push(found.command);
        tell(round, upgrade ? "by hand with odoo -u" : "by hand", found.served.plain);
      }
      return 0;
    };
    await interleave(changeRounds, ours, byHand);
  }

  #serving(name: string, deployed: ConstructorParameters<typeof Serving>[1]): Serving {
    const serving = new Serving(name, deployed);
    this.#servings.push(serving);
    return serving;
  }

  #handed(): ByHand {
    if (this.#hand === undefined) throw new Error("nothing was deployed by hand");
    return this.#hand;
  }

  #own(): OwnStack {
    if (this.#stack === undefined) throw new Error("there is no stack yet");
    return this.#stack;
  }
}
