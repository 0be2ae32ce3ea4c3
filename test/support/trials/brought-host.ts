import { createHash, randomBytes } from "node:crypto";

import type { HostRequest } from "../../../components/vps/request";
import { until } from "../../../sandbox/process";
import type { ServersFile } from "../../../sandbox/servers";
import { OdooError, type RpcClient } from "../endpoint";
import type { BroughtRelease } from "./brought";
import { bucket, objectsInBucket } from "./bucket";
import { type Ending, endingOf } from "./ending";
import { TrialMachine } from "./machine";
import { send, trialRequest } from "./requests";

/** Beside the machine of the other trials. */
const place = { id: 9002, slot: 1 };
const elsewhere = "https://id.example.com/start";
const limitMs = 5 * 60_000;
/** What a team sets for a job runner, and for attachments in an object store. */
const config = {
  "odoo:options": JSON.stringify({ server_wide_modules: "base,rpc,web,queue_job", "queue_job.channels": "root:2" }),
  "release:egress": JSON.stringify([bucket.wayOut]),
};

/** What users have made: attachments with the SHA-1 of their bytes, and jobs. */
interface Work {
  readonly attachments: readonly { readonly id: number; readonly sha1: string }[];
  readonly jobs: readonly number[];
}

/** A host with what people bring to an Odoo: modules of others, a login elsewhere, a policy, a bucket, jobs. */
export class BroughtHost {
  work: Work = { attachments: [], jobs: [] };

  private constructor(
    readonly machine: TrialMachine,
    private readonly servers: ServersFile,
    private readonly modules: readonly string[],
    /** The release that users reach. */
    public live: BroughtRelease,
  ) {}

  /** A host that nothing runs on yet. */
  static async open(servers: ServersFile, modules: readonly string[], first: BroughtRelease): Promise<BroughtHost> {
    return new BroughtHost(await TrialMachine.create(place), servers, modules, first);
  }

  request(release: BroughtRelease): HostRequest {
    const registry = { server: this.servers.registryAddress, ...this.servers.pull };
    return trialRequest(release.image, registry, this.modules, { rehearse: false, config });
  }

  /**
   * Releases it as an update does.
   * @param whenClosing what happens as the door is closed
   */
  async deploy(release: BroughtRelease, whenClosing?: () => Promise<unknown>): Promise<Ending> {
    const request = this.request(release);
    const begun = Date.now();
    const watch = whenClosing && (await this.machine.hold("closed", "begin", request.id));
    await send(this.machine, request);
    const held = await watch?.held;
    if (whenClosing !== undefined) {
      if (held === undefined) throw new Error(`the worker never came to the door:\n${await this.machine.story()}`);
      await whenClosing();
      await this.machine.resume(held);
    }
    const ending = await endingOf(this.machine, request, begun);
    if (ending.state === "succeeded") this.live = release;
    return ending;
  }

  /** After the first release: reads the password, and sets what sends users and attachments elsewhere. */
  async begin(): Promise<void> {
    this.machine.password = /^password: (.+)$/m.exec(await this.machine.exec(["odoo-ship", "first-login"]))?.[1] ?? "";
    await this.waitForOdoo();
    const client = await this.machine.client();
    const set = (name: string, value: string) => client.call("ir.config_parameter", "set_param", [name, value]);
    await set("login_elsewhere.url", elsewhere);
    await set("attachments_elsewhere.url", bucket.url);
  }

  async upload(): Promise<void> {
    const bytes = randomBytes(4096);
    const client = await this.machine.client();
    const values = { name: "brought.bin", datas: bytes.toString("base64") };
    const [id] = (await client.call("ir.attachment", "create", [[values]])) as [number];
    const sha1 = createHash("sha1").update(bytes).digest("hex");
    this.work = { ...this.work, attachments: [...this.work.attachments, { id, sha1 }] };
  }

  /**
   * Plans jobs, each of which asks a server that nothing but Odoo itself reaches.
   * @param seconds from now, before which none is due
   */
  async plan(count: number, seconds = 0): Promise<void> {
    const client = await this.machine.client();
    const ids = (await client.call("our.job", "enqueue", ["planned", count, bucket.ofOdoo, seconds])) as number[];
    this.work = { ...this.work, jobs: [...this.work.jobs, ...ids] };
  }

  /** Makes the jobs due that wait for their time, also where the door is closed; answers how many there are. */
  async makeDue(): Promise<number> {
    const waiting = "model_name = 'our.job' AND state = 'pending' AND eta IS NOT NULL";
    const due = `UPDATE queue_job SET eta = NULL WHERE ${waiting} RETURNING id`;
    return Number(await this.machine.sql(`WITH due AS (${due}) SELECT count(*) FROM due`));
  }

  /** Uses all of it once more, and answers what is not as it should be: one line each. */
  async problems(): Promise<string[]> {
    await this.waitForOdoo();
    await this.upload();
    await this.plan(2);
    const client = await this.machine.client();
    return [
      ...(await this.#wrongRelease()),
      ...(await this.#wrongLogin(client)),
      ...(await this.#wrongAttachments(client)),
      ...(await this.#wrongJobs()),
    ];
  }

  /** Version in the database of each of these modules. */
  async versions(names: readonly string[]): Promise<Record<string, string>> {
    const rows = await this.machine.sql(
      `SELECT name, latest_version FROM ir_module_module WHERE state = 'installed' AND name IN (${quoted(names)})`,
    );
    return Object.fromEntries(rows.split("\n").map((row) => row.split("|") as [string, string]));
  }

  /** Waits until the login form answers, which only who asks for it gets. */
  async waitForOdoo(): Promise<void> {
    let last: unknown;
    const answers = async () => {
      try {
        const path = "/web/login?disable_autoredirect=1";
        last = (await (await this.machine.endpoint()).request("GET", path, { limitMs: 30_000 })).status;
      } catch (error) {
        last = error;
      }
      return last === 200;
    };
    if (!(await until(answers, limitMs, 500))) throw new Error(`the login form does not answer: ${String(last)}`);
  }

  async #wrongRelease(): Promise<string[]> {
    const image = await this.machine.exec(["docker", "inspect", "--format", "{{.Config.Image}}", "odoo-ce"]);
    const marker = await this.machine.sql("SELECT state || ' ' || digest FROM odoo_ship.marker");
    const hashes = JSON.parse(await this.machine.sql("SELECT modules FROM odoo_ship.marker")) as Record<
      string,
      string[]
    >;
    const versions = await this.versions(this.modules);
    return [
      ...expect("image of Odoo's container", image, this.live.image),
      ...expect("marker", marker, `ready ${this.live.image.split("@")[1] ?? ""}`),
      ...this.modules.flatMap((name) => [
        ...expect(`content of ${name} in the marker`, hashes[name]?.join(), this.live.modules[name]?.hash),
        ...expect(`version of ${name}`, versions[name], this.live.modules[name]?.version),
      ]),
    ];
  }

  /** People are sent elsewhere, an administrator comes in by the form, and the policy refuses a weak password. */
  async #wrongLogin(client: RpcClient): Promise<string[]> {
    const endpoint = await this.machine.endpoint();
    const { status, headers } = await endpoint.request("GET", "/web/login");
    const weak = client.call("res.users", "create", [[{ name: "Weak", login: "weak", password: "onlylowercase" }]]);
    const refused = await weak.then(
      () => "nothing",
      (error: unknown) => (error instanceof OdooError ? error.message : String(error)),
    );
    return [
      ...expect("where the login page leads", `${status} ${headers.location ?? ""}`, `303 ${elsewhere}`),
      ...(/character/i.test(refused) ? [] : [`what refuses a weak password: ${refused}`]),
    ];
  }

  async #wrongAttachments(client: RpcClient): Promise<string[]> {
    const objects = new Set(await objectsInBucket());
    const ids = this.work.attachments.map(({ id }) => id);
    const rows = (await client.call("ir.attachment", "search_read", [[["id", "in", ids]]], {
      fields: ["datas", "store_fname"],
    })) as { id: number; datas: string | false; store_fname: string }[];
    const found = new Map(rows.map((row) => [row.id, row]));
    return this.work.attachments.flatMap(({ id, sha1 }) => [
      ...expect(`whether the bucket has attachment ${id}`, objects.has(sha1), true),
      ...expect(`place of attachment ${id}`, found.get(id)?.store_fname, `elsewhere://${sha1}`),
      ...expect(`content of attachment ${id}`, sha1Of(found.get(id)?.datas), sha1),
    ]);
  }

  /** Each of the jobs has to be done, once, in the database of users. */
  async #wrongJobs(): Promise<string[]> {
    const states = () =>
      this.machine.sql("SELECT string_agg(DISTINCT state, ' ') FROM queue_job WHERE model_name = 'our.job'");
    const settled = async () => /^(done|failed|done failed)$/.test(await states());
    await until(settled, limitMs, 1000);
    const rows = await this.machine.sql(
      `SELECT runs || ' in ' || coalesce(database, 'none') FROM our_job WHERE id IN (${this.work.jobs.join()})`,
    );
    const found = rows.split("\n");
    return [
      ...expect("states of the jobs", await states(), "done"),
      ...expect("jobs that are there", found.length, this.work.jobs.length),
      ...new Set(found.flatMap((runs) => expect("how often a job ran", runs, "1 in odoo"))),
    ];
  }
}

function expect(what: string, found: unknown, expected: unknown): string[] {
  return found === expected ? [] : [`${what}: ${String(found)}, expected ${String(expected)}`];
}

function sha1Of(base64: string | false | undefined): string {
  return createHash("sha1")
    .update(Buffer.from(base64 === undefined || base64 === false ? "" : base64, "base64"))
    .digest("hex");
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join();
}
