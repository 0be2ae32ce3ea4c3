import type { HostRequest } from "../../../components/vps/request";
import type { WorkerFiles } from "../../../components/odoo/worker-files";
import { runningSandbox } from "../running-sandbox";
import { type Ending, endingOf } from "./ending";
import { type Attachments, populate } from "./population";
import { requestBefore, workerBefore } from "./layout-before";
import { type Outcome, problemsAfter } from "./proof";
import { type Options, send, statusOf, trialRequest } from "./requests";
import { type Snapshot, snapshot } from "./snapshot";
import { ledger, notes } from "./addons";
import { TrialMachine } from "./machine";
import { digestOf, type TrialRelease, TrialReleases } from "./releases";

/** A host with a populated Odoo of level 0 or later, and the releases to try on it. */
export class Trial {
  /** Level of the live release. */
  level = 0;
  attachments: Attachments = new Map();
  /** The worker of the layout before, as long as it is in use. */
  before: WorkerFiles | undefined;

  private constructor(
    readonly machine: TrialMachine,
    readonly releases: TrialReleases,
    private readonly registry: { server: string; username: string; password: string },
    /** The release that users reach. */
    public live: TrialRelease,
  ) {}

  /** The one host of a run, installed and populated at the first call. */
  static open(): Promise<Trial> {
    return (opened ??= Trial.#open());
  }

  /** The same, installed by the worker of the layout before: the host that the trials go on with has been migrated. */
  static openBefore(): Promise<Trial> {
    return (opened ??= Trial.#open(true));
  }

  static async #open(before = false): Promise<Trial> {
    const servers = await runningSandbox();
    const [machine, releases] = await Promise.all([TrialMachine.create(), TrialReleases.open(servers, "host-trial")]);
    const registry = { server: servers.registryAddress, ...servers.pull };
    const trial = new Trial(machine, releases, registry, await releases.make({ kind: "good" }, 0));
    if (before) trial.before = workerBefore();
    const { state, error } = await trial.deploy(trial.live);
    if (state !== "succeeded")
      throw new Error(`the first install ${state}: ${JSON.stringify(error, undefined, 2)}\n${await machine.story()}`);
    machine.password = /^password: (.+)$/m.exec(await machine.exec(["odoo-ship", "first-login"]))?.[1] ?? "";
    trial.attachments = await populate(machine);
    return trial;
  }

  async close(): Promise<void> {
    opened = undefined;
    this.releases.remove();
    await this.machine.remove();
  }

  request(release: TrialRelease, options: Options = {}): HostRequest {
    const request = trialRequest(release.image, this.registry, ["release_info", ledger, notes], options);
    return this.before === undefined ? request : requestBefore(request);
  }

  /** Sends a request as Pulumi does, and waits for its end. */
  async deploy(release: TrialRelease, options: Options = {}): Promise<Ending> {
    const request = this.request(release, options);
    const begun = Date.now();
    await send(this.machine, request, this.before);
    return this.ending(request, begun);
  }

  /** Waits for the end of a request that was sent. */
  ending(request: HostRequest, begun = Date.now()): Promise<Ending> {
    return endingOf(this.machine, request, begun);
  }

  problemsAfter(body: () => Promise<Outcome>): Promise<string[]> {
    return problemsAfter(
      { odoo: this.machine, attachments: this.attachments, wrongRelease: () => this.wrongRelease() },
      body,
    );
  }

  snapshot(database?: string): Promise<Snapshot> {
    return snapshot(this.machine, database);
  }

  /** What of the host is not as {@link live} says: one line each. */
  async wrongRelease(): Promise<string[]> {
    const { machine } = this;
    const [image, marker, status, release] = await Promise.all([
      machine.exec(["docker", "inspect", "--format", "{{.Config.Image}}", "odoo-ce"]),
      machine.sql("SELECT state || ' ' || digest FROM odoo_ship.marker"),
      statusOf(machine, this.request(this.live)),
      machine.client().then((client) => client.call("release.info", "current")) as Promise<{ contentHash: string }>,
    ]);
    const digest = digestOf(this.live);
    const expect = (what: string, found: unknown, expected: string) =>
      found === expected ? [] : [`${what}: ${String(found)}, expected ${expected}`];
    return [
      ...expect("image of the running container", image, this.live.image),
      ...expect("release that Odoo itself names", release.contentHash, this.live.contentHash),
      ...expect("marker in the database", marker, `ready ${digest}`),
      ...(status?.closed === false ? [] : ["the proxy is still closed"]),
      ...expect("live release in the status", status?.digest, digest),
    ];
  }
}

let opened: Promise<Trial> | undefined;
