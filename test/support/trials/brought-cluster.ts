import assert from "node:assert/strict";

import type { Address, RpcClient } from "../endpoint";
import { broughtConfig, broughtSecrets, type BroughtTarget, type Held, settingsOf, type Way } from "./brought-target";
import { ClusterTrial } from "./cluster-trial";
import type { Step } from "./machine";

/** Seconds within which a release comes to a step, on a machine that has much else to do. */
const holdSeconds = 900;

/** A cluster of its own, by the real program and engine. */
export class BroughtCluster implements BroughtTarget {
  #installed = false;

  private constructor(private readonly trial: ClusterTrial) {}

  /** A stack that nothing was made of yet. */
  static async open(modules: readonly string[], image: string): Promise<BroughtCluster> {
    const config = {
      ...broughtConfig,
      ...settingsOf["with its bucket"],
      "odoo:modules": [...modules],
      "release:upgradeMinutes": 20,
    };
    const trial = await ClusterTrial.create({ image, config });
    const secrets = { "odoo:secretOptions": JSON.stringify(broughtSecrets) };
    trial.stack.config = { ...trial.stack.config, ...(await trial.stack.encrypted(secrets)) };
    return new BroughtCluster(trial);
  }

  get database(): string {
    return this.trial.database;
  }

  sql(statement: string, database?: string): Promise<string> {
    return this.trial.sql(statement, database);
  }

  inOdoo(...command: string[]): Promise<string> {
    return this.trial.inOdoo(...command);
  }

  address(): Promise<Address> {
    return this.trial.address();
  }

  client(login?: string, password?: string): Promise<RpcClient> {
    return this.trial.client(login, password);
  }

  async deploy(image: string, way: Way, at: Held): Promise<number> {
    const seconds = await this.#update(image, settingsOf[way], at);
    if (!this.#installed) {
      await this.trial.find();
      await this.trial.readPassword();
      this.#installed = true;
    }
    return seconds;
  }

  /** Of the pods of both Deployments. */
  async digests(): Promise<string[]> {
    const pods = await this.trial.pods();
    return ["odoo", "odoo-cron"].flatMap((deployment) => {
      const own = pods.filter(({ app }) => app === deployment);
      if (own.length === 0) return [`no pod of ${deployment}`];
      return own.map(({ name, image, ready }) => (ready ? (image.split("@")[1] ?? image) : `${name} is not ready`));
    });
  }

  async upgrades(): Promise<string> {
    return (await this.#told()).match(/maintenance: .*/g)?.at(-1) ?? "";
  }

  /** Kubernetes makes another pod in the place of the one that is taken away. */
  async restart(): Promise<void> {
    await this.trial.kubectl("delete", "pod", "-l", "app=odoo", "--wait");
  }

  async rollBackWithData(digest: string): Promise<void> {
    const told = await this.#told();
    const points = [...told.matchAll(/restore point (\S+): the data of (\S+), /g)];
    const [, point, image = ""] = points.filter(([, , belongs = ""]) => belongs.endsWith(`@${digest}`)).at(-1) ?? [];
    assert.ok(point !== undefined, `no restore point belongs to ${digest}:\n${told}`);
    await this.#update(image, { "release:restore": point }, {});
  }

  story(): Promise<string> {
    return this.trial.story();
  }

  /** The cluster itself goes with the next trial's, or with the sandbox. */
  remove(): Promise<void> {
    this.trial.remove();
    return Promise.resolve();
  }

  /** What the Job of the last release has said. */
  #told(): Promise<string> {
    return this.trial.kubectl("logs", "-l", "app=odoo-upgrade", "--tail=-1");
  }

  async #update(image: string, settings: Readonly<Record<string, unknown>>, at: Held): Promise<number> {
    const steps = Object.entries(at) as [Step, () => Promise<unknown>][];
    let acted: Promise<void> | undefined;
    const { status, output, seconds } = await this.trial.deploy({ image, contentHash: "" }, settings, (printed) => {
      if (acted !== undefined || steps.length === 0 || !/Job \S+ creating/.test(printed)) return;
      acted = this.#actAt(steps);
      // Told below, after the update's end.
      acted.catch(() => undefined);
    });
    assert.equal(status, 0, output);
    assert.ok(acted !== undefined || steps.length === 0, `the update began no Job:\n${output}`);
    await acted;
    return seconds;
  }

  async #actAt(steps: readonly [Step, () => Promise<unknown>][]): Promise<void> {
    // All are watched for at once, so that no step is missed.
    const watched = steps.map(([step, act]) => ({ step, act, held: this.trial.hold(step, holdSeconds) }));
    for (const { held } of watched) held.catch(() => undefined);
    for (const { step, act, held } of watched) {
      const still = await held;
      assert.equal(still.step, step, "the worker was a step further before it stood still");
      await act();
      await this.trial.signal(still, "CONT");
    }
  }
}
