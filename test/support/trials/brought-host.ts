import assert from "node:assert/strict";

import type { ServersFile } from "../../../sandbox/servers";
import type { Address, RpcClient } from "../endpoint";
import { broughtConfig, broughtSecrets, type BroughtTarget, type Held, settingsOf, type Way } from "./brought-target";
import { endingOf } from "./ending";
import { type Step, TrialMachine } from "./machine";
import { digestOf } from "./releases";
import { send, trialRequest } from "./requests";

/** Beside the machine of the other trials. */
const place = { id: 9002, slot: 1 };
/** Seconds within which a release comes to a step, on a machine that has much else to do. */
const holdSeconds = 900;

/** A host of its own, by the worker's own way to it. */
export class BroughtHost implements BroughtTarget {
  private constructor(
    private readonly machine: TrialMachine,
    private readonly servers: ServersFile,
    private readonly modules: readonly string[],
  ) {}

  /** A host that nothing runs on yet. */
  static async open(servers: ServersFile, modules: readonly string[]): Promise<BroughtHost> {
    return new BroughtHost(await TrialMachine.create(place), servers, modules);
  }

  get database(): string {
    return this.machine.database;
  }

  sql(statement: string, database?: string): Promise<string> {
    return this.machine.sql(statement, database);
  }

  inOdoo(...command: string[]): Promise<string> {
    return this.machine.inOdoo(...command);
  }

  address(): Promise<Address> {
    return this.machine.address();
  }

  async client(login?: string, password?: string): Promise<RpcClient> {
    if (this.machine.password === "") {
      const told = await this.machine.exec(["odoo-ship", "first-login"]);
      this.machine.password = /^password: (.+)$/m.exec(told)?.[1] ?? "";
    }
    return this.machine.client(login, password);
  }

  async deploy(image: string, way: Way, at: Held): Promise<number> {
    const registry = { server: this.servers.registryAddress, ...this.servers.pull };
    const settings: Readonly<Record<string, unknown>> = {
      ...broughtConfig,
      "odoo:secretOptions": broughtSecrets,
      ...settingsOf[way],
    };
    const { "release:rehearse": rehearse, ...others } = settings;
    const config = Object.fromEntries(Object.entries(others).map(([key, value]) => [key, JSON.stringify(value)]));
    const request = trialRequest(image, registry, this.modules, { rehearse: rehearse === true, config });
    const begun = Date.now();
    // Each is watched for before anything begins, so that no step is missed.
    const watched = [];
    for (const [step, act] of Object.entries(at) as [Step, () => Promise<unknown>][]) {
      watched.push({ step, act, ...(await this.machine.hold(step, "begin", request.id, holdSeconds)) });
    }
    await send(this.machine, request);
    for (const { step, act, held } of watched) {
      const still = await held;
      assert.equal(still?.step, step, `the worker never came to ${step}:\n${await this.machine.story()}`);
      await act();
      await this.machine.resume(still);
    }
    const ending = await endingOf(this.machine, request, begun);
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    return ending.seconds;
  }

  async digests(): Promise<string[]> {
    const image = await this.machine.exec(["docker", "inspect", "--format", "{{.Config.Image}}", "odoo-ce"]);
    return [digestOf({ image })];
  }

  upgrades(): Promise<string> {
    return this.machine.sh("journalctl -u odoo-ship -o cat --no-pager | grep -o 'maintenance: .*' | tail -1");
  }

  async restart(): Promise<void> {
    await this.machine.sh("docker restart odoo-ce");
  }

  async rollBackWithData(digest: string): Promise<void> {
    const { points } = JSON.parse(await this.machine.sh("odoo-ship status --json")) as {
      points: { id: string; from: string }[];
    };
    const point = points.filter(({ from }) => from === digest).at(-1);
    assert.ok(point !== undefined, `no restore point belongs to ${digest}: ${JSON.stringify(points)}`);
    await this.machine.exec(["odoo-ship", "rollback", "--with-data", "--to", point.id]);
  }

  story(): Promise<string> {
    return this.machine.story();
  }

  remove(): Promise<void> {
    return this.machine.remove();
  }
}
