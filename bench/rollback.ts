import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { registryAddress } from "../sandbox/config";
import { sleep } from "../sandbox/process";
import type { ServersFile } from "../sandbox/servers";
import type { TestStack } from "../sandbox/test/helpers/test-stack";
import { onPath } from "../sandbox/tools/cache";
import { runningSandbox } from "../test/support/running-sandbox";
import { ledger, notes } from "../test/support/trials/addons";
import type { Trial } from "../test/support/trials/host-trial";
import { digestOf, type TrialRelease } from "../test/support/trials/releases";
import { trialStack } from "../test/support/trials/trial-stack";
import type { Bench } from "./bench";
import { Builder } from "./builder";
import { ByHand } from "./by-hand";
import { changed } from "./changed";
import { ComposeByHand } from "./compose-by-hand";
import { interleave } from "./measure";
import { type Deployed, OwnStack } from "./own-stack";
import { machineAndDay, type Row } from "./report";
import { Serving } from "./serving";
import { engineVersion } from "./stacks";
import { reportOnHost } from "./trial-host";

const rounds = 3;
/** Until what the last turn has started has ended: old pods, the first requests of new ones. */
const restMs = 10_000;
const command = "npm run rollback -- --stack sandbox --to previous --yes";

const text = `How long a rollback by one release takes, by the command that an operator types: \`${command}\`.
It begins with the command, and ends with the first answer over JSON-RPC that comes from the earlier release; a client asks every 250 ms, with a connection
of its own each time. The second line of each target is the time to the command's end, when tags, state and the stack's file say so, too; the third one the longest time
between two answers on the way there, since the later release serves until the servers change places. The two releases differ in an
installed module, and the later one is additive (\`release:additive\`): the code goes back, the data stay. Each target is measured in a stack that has no other.

By hand on the cluster is \`kubectl rollout undo && kubectl rollout status\` on the same node, for a Deployment with as many workers, the same limits, a probe as frequent, a PostgreSQL and a volume
of its own. By hand on the VPS is the earlier digest in the file of a Compose project on the same host, and \`docker compose up -d\`, with as many workers, a copy of the same database and of
the files. It ends with the first answer, since Compose waits for none. By hand nobody reads what is deployed and what went before, or looks whether the older code fits the data. Nothing rolls back what fails, no tag follows, no state or file of the team's says what serves, and there is no proxy. The time to look for the digest and to type is not counted. Images are on the machines of both sides. Given is the median of ${rounds} (least to most), the sides taking turns.`;

export const rollbackBench: Bench = {
  help: "npm run rollback on each target, against kubectl rollout undo and Compose by hand",
  run: () => {
    // The command asks a cluster for its releases by it.
    if (onPath("kubectl") === undefined) throw new Error("kubectl is not installed on this machine");
    return reportOnHost("rollback", text, async (trial, say) => {
      const servers = await runningSandbox();
      const rows = [...(await onVps(trial, servers, say)), ...(await onCluster(servers, say))];
      return { rows, facts: await facts(servers) };
    });
  },
};

/** One side: what goes back, what it is asked by, and what brings the later release again, which is not measured. */
interface Side {
  readonly name: string;
  readonly deployed: Deployed;
  back(): Promise<void>;
  forward(): Promise<void>;
}

/** Seconds of each turn. */
interface Taken {
  readonly served: readonly number[];
  readonly command: readonly number[];
  /** Of those the longest without an answer. */
  readonly silent: readonly number[];
}

async function compare(
  ours: Side,
  byHand: Side,
  say: (line: string) => void,
): Promise<{ readonly ours: Taken; readonly byHand: Taken }> {
  const servings: Serving[] = [];
  const measured = (side: Side) => {
    const serving = new Serving(side.name, side.deployed);
    servings.push(serving);
    const command: number[] = [];
    const silent: number[] = [];
    const turn = async (round: number) => {
      await sleep(restMs);
      const found = await changed({ served: serving }, nothing, () => side.back());
      command.push(found.command);
      silent.push(serving.silent);
      say(
        `${side.name}, ${round + 1} of ${rounds}: ${found.served.served.toFixed(1)} s, ` +
          `to the command's end ${found.command.toFixed(1)} s, ${serving.silent.toFixed(1)} s without an answer`,
      );
      await side.forward();
      return found.served.served;
    };
    return { command, silent, turn };
  };
  const sides = [measured(ours), measured(byHand)] as const;
  try {
    const served = await interleave(rounds, sides[0].turn, sides[1].turn);
    return {
      ours: { served: served.ours, command: sides[0].command, silent: sides[0].silent },
      byHand: { served: served.yardstick, command: sides[1].command, silent: sides[1].silent },
    };
  } finally {
    for (const serving of servings) serving.close();
  }
}

async function onVps(trial: Trial, servers: ServersFile, say: (line: string) => void): Promise<readonly Row[]> {
  const { machine, live: before } = trial;
  const { stack, close } = await trialStack(trial, servers);
  try {
    say("a Compose project by hand on the same host");
    const hand = await ComposeByHand.start(machine, before);
    const after = await trial.releases.make({ kind: "additive" }, 1);
    say("the later release on both sides");
    await deploy(stack, after, { "release:additive": true });
    await hand.upgrade(after, [ledger, notes]);
    const taken = await compare(
      {
        name: "VPS",
        deployed: { address: await machine.address(), password: machine.password },
        back: async () => {
          const { status, output } = await stack.typed(command);
          if (status !== 0) throw new Error(output);
        },
        forward: () => deploy(stack, after),
      },
      {
        name: "Compose by hand",
        deployed: hand.deployed(),
        back: () => hand.exchange(before),
        forward: () => hand.exchange(after),
      },
      say,
    );
    return [
      row("Rollback on the VPS, against Compose by hand", taken.ours.served, taken.byHand.served),
      // Compose's own command ends before Odoo answers: somebody waits for that.
      row("The same to the command's end, against the answer by hand", taken.ours.command, taken.byHand.served),
      row("The longest time without an answer on the VPS meanwhile", taken.ours.silent, taken.byHand.silent),
    ];
  } finally {
    await close();
  }
}

/** Updates the stack of the trial's host, with settings for this update alone. */
async function deploy(stack: TestStack, release: TrialRelease, settings: Record<string, unknown> = {}): Promise<void> {
  const usual = { ...stack.config, "image:digest": digestOf(release) };
  stack.config = { ...usual, ...settings };
  const { status, output } = await stack.up();
  if (status !== 0) throw new Error(output);
  stack.config = usual;
}

async function onCluster(servers: ServersFile, say: (line: string) => void): Promise<readonly Row[]> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "odoo-bench-"));
  const builder = builderFor(servers);
  let stack: OwnStack | undefined;
  try {
    const own = (stack = await OwnStack.create(directory, servers));
    say("a cluster of its own: pulumi up, from nothing");
    await own.keepOnly("doks");
    const dockerfile = path.join(own.project.directory, "images", "odoo", "Dockerfile");
    const hand = new ByHand(own, builder, { dockerfile, target: "runtime" });
    await hand.install(say);
    say("the later release on both sides");
    await own.changeAddon();
    await own.updateAdditively();
    await hand.release(await own.plan(), "odoo -u");
    const after = await own.digest();
    const taken = await compare(
      {
        name: "cluster",
        deployed: await own.onKubernetes(),
        back: () => own.rollBack("previous"),
        forward: () => own.rollBack(after),
      },
      {
        name: "kubectl by hand",
        deployed: await hand.deployed(),
        back: () => hand.undo(),
        forward: () => hand.undo(),
      },
      say,
    );
    return [
      row("Rollback on the cluster, against `kubectl rollout undo`", taken.ours.served, taken.byHand.served),
      row(
        "The same to the command's end, against that of `kubectl rollout status`",
        taken.ours.command,
        taken.byHand.command,
      ),
      row("The longest time without an answer on the cluster meanwhile", taken.ours.silent, taken.byHand.silent),
    ];
  } finally {
    if (stack !== undefined) {
      say("taking the cluster away");
      await stack.remove();
      await builder.removeImages(stack.images);
    }
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function row(title: string, ours: readonly number[], yardstick: readonly number[]): Row {
  return { title, unit: "seconds", ours, yardstick };
}

async function facts(servers: ServersFile): Promise<readonly string[]> {
  return [
    machineAndDay(),
    `Docker ${await builderFor(servers).engineVersion()}, Pulumi ${await engineVersion()}, Node ${process.version}`,
    "Host, cluster, registry and clients share the cores of one machine: no network in between",
  ];
}

function builderFor(servers: ServersFile): Builder {
  return new Builder({ ...servers.pull, serveraddress: registryAddress });
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
