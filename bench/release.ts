import { Endpoint } from "../test/support/endpoint";
import type { Trial } from "../test/support/trials/host-trial";
import type { TrialRelease } from "../test/support/trials/releases";
import { domain } from "../test/support/trials/requests";
import type { Bench } from "./bench";
import { closedFor, everyMs, servedAfter } from "./door";
import { interleave, median, type Pair } from "./measure";
import { PlainOdoo } from "./plain-odoo";
import { machineAndDay, type Row } from "./report";
import { plainPort, reportOnHost, stepsOf } from "./trial-host";

const rounds = 3;

const text = `How long a release and a rollback keep users of a host waiting. The door is closed from the first answer that is not the
login page to the next one that is; a client asks every ${everyMs} ms, and a refusal is a 503 that says when to come back. By hand is the same on the same host, without a proxy: a plain container of the same
image, with as many workers and a database of its own that is a copy of ours, is stopped, \`odoo -u\` runs in a container of the new image, and that image is started. By
hand nothing is rehearsed, kept to go back to, or tried, and the time to type is not counted. One installed module changes each time. A rollback is measured from the
command to the first login page after its end: ours is \`odoo-ship rollback\`, by hand the container is replaced, and for the data the database is dropped and a copy of it cloned
(our rollback keeps what it replaces as a point). The steps below are of our releases, rehearsal included; given is the median of ${rounds} (least to most).`;

export const releaseBench: Bench = {
  help: "how long a release or a rollback keeps users out of a host, against the same by hand",
  run: () =>
    reportOnHost("release", text, async (trial, say) => {
      const ours = new Endpoint({ ...(await trial.machine.address()) });
      const yardstick = new Endpoint({ host: trial.machine.privateHost, port: plainPort });
      try {
        const plain = await PlainOdoo.start(trial.machine, trial.live);
        return { rows: await new Measurement(trial, plain, ours, yardstick, say).rows(), facts: facts() };
      } finally {
        for (const endpoint of [ours, yardstick]) endpoint.close();
      }
    }),
};

class Measurement {
  readonly #steps = new Map<string, number[]>();
  readonly #refusals: number[] = [];
  #level = 0;

  constructor(
    private readonly trial: Trial,
    private readonly plain: PlainOdoo,
    private readonly ours: Endpoint,
    private readonly yardstick: Endpoint,
    private readonly say: (line: string) => void,
  ) {}

  async rows(): Promise<readonly Row[]> {
    const closed = await this.#release();
    const steps = [...this.#steps];
    const code = await this.#rollbackInCode();
    const data = await this.#rollbackWithData();
    return [
      { title: "Door closed on the VPS, one changed module", unit: "seconds", ...closed },
      {
        title: "A refusal while it is closed, against half a second",
        unit: "seconds",
        ours: this.#refusals,
        yardstick: [0.5],
      },
      { title: "Rollback in code, to serving", unit: "seconds", ...code },
      { title: "Rollback with data, to serving", unit: "seconds", ...data },
      ...steps.map(([step, taken]): Row => ({
        title: `of a release: ${step}, against all that by hand keeps users out`,
        unit: "seconds",
        ours: taken,
        yardstick: [median(closed.yardstick)],
      })),
    ];
  }

  async #release(): Promise<Pair> {
    const releases: TrialRelease[] = [];
    for (let round = 0; round < rounds; round += 1) releases.push(await this.#next());
    const next = (round: number) => releases[round] ?? this.trial.live;
    return interleave(
      rounds,
      (round) =>
        this.#told("closed, ours", async () => {
          const { seconds, refusals } = await closedFor(this.ours, () => this.#deploy(next(round)));
          this.#refusals.push(...refusals);
          return seconds;
        }),
      (round) =>
        this.#told(
          "closed, by hand",
          async () => (await closedFor(this.yardstick, () => this.plain.upgrade(next(round)))).seconds,
        ),
    );
  }

  /** Between two images with the same modules. */
  #rollbackInCode(): Promise<Pair> {
    return this.#compareRollbacks("--code-only", async (round, before) => {
      // What is asked for twice is one request.
      const same = await this.trial.releases.make({ kind: "good" }, this.#level, round + 1);
      await this.#deploy(same);
      await this.plain.exchange(same);
      return () => this.plain.exchange(before);
    });
  }

  #rollbackWithData(): Promise<Pair> {
    return this.#compareRollbacks("--with-data", async (_round, before) => {
      const after = await this.#next();
      await this.plain.backUp();
      await this.#deploy(after);
      await this.plain.upgrade(after);
      return () => this.plain.restore(before);
    });
  }

  /** `prepare` brings both sides to a newer release, and answers how it is taken back by hand. */
  async #compareRollbacks(
    how: string,
    prepare: (round: number, before: TrialRelease) => Promise<() => Promise<unknown>>,
  ): Promise<Pair> {
    const pair = { ours: [] as number[], yardstick: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      const before = this.trial.live;
      const byHand = await prepare(round, before);
      const { ours, yardstick } = await interleave(
        1,
        () => this.#told(`rollback ${how}`, () => servedAfter(this.ours, () => this.#rollback(how))),
        () => this.#told("the same by hand", () => servedAfter(this.yardstick, byHand)),
      );
      pair.ours.push(...ours);
      pair.yardstick.push(...yardstick);
      this.trial.live = before;
    }
    return pair;
  }

  /** A release with one changed module. */
  #next(): Promise<TrialRelease> {
    this.#level += 1;
    return this.trial.releases.make({ kind: "good" }, this.#level);
  }

  #rollback(how: string): Promise<unknown> {
    return this.trial.machine.exec(["odoo-ship", "rollback", how, "--yes"]);
  }

  async #told(what: string, measure: () => Promise<number>): Promise<number> {
    const taken = await measure();
    this.say(`${what}: ${taken.toFixed(1)} s`);
    return taken;
  }

  async #deploy(release: TrialRelease): Promise<void> {
    const ending = await this.trial.deploy(release);
    if (ending.state !== "succeeded") throw new Error(JSON.stringify(ending.error, undefined, 2));
    this.trial.live = release;
    for (const [step, taken] of await stepsOf(this.trial))
      this.#steps.set(step, [...(this.#steps.get(step) ?? []), taken]);
  }
}

function facts(): string[] {
  return [
    machineAndDay(),
    `Host, registry and client share the cores of one machine; a database of three modules, ${domain}`,
  ];
}
