import { createHash, randomBytes } from "node:crypto";

import { until } from "../../../sandbox/process";
import { type Answer, Endpoint, OdooError, type RpcClient } from "../endpoint";
import { type BroughtRelease, imported, importedModule } from "./brought";
import { broughtConfig, broughtSecrets, type BroughtTarget, type Held, type Way } from "./brought-target";
import { bucket, objectsInBucket } from "./bucket";
import { digestOf } from "./releases";

const elsewhere = "https://id.example.com/start";
const limitMs = 5 * 60_000;

/** What users have made: attachments with the SHA-1 of their bytes, and jobs. */
export interface Work {
  readonly attachments: readonly { readonly id: number; readonly sha1: string; readonly inBucket: boolean }[];
  readonly jobs: readonly number[];
}

/** An Odoo with what people bring, as they use it: modules of others, a login elsewhere, a policy, a bucket, jobs. */
export class BroughtUse {
  work: Work = { attachments: [], jobs: [] };
  #bucketIsUsed = false;

  constructor(
    readonly target: BroughtTarget,
    private readonly modules: readonly string[],
    /** The release that users reach. */
    public live: BroughtRelease,
  ) {}

  /** Releases it as an update does. */
  async deploy(release: BroughtRelease, way: Way, at: Held = {}): Promise<void> {
    const seconds = await this.target.deploy(release.image, way, at);
    this.live = release;
    console.log(`      ${Math.round(seconds)} s`);
  }

  /** Goes back to a release and its data: to what `work` was then. */
  async rollBack(to: { readonly live: BroughtRelease; readonly work: Work }): Promise<void> {
    await this.target.rollBackWithData(digestOf(to.live));
    // What was written since stays behind.
    this.live = to.live;
    this.work = to.work;
  }

  /** After the first release: sets what sends users elsewhere, and imports a module in Odoo. */
  async begin(): Promise<void> {
    await this.waitForOdoo();
    const client = await this.target.client();
    await client.call("ir.config_parameter", "set_param", ["login_elsewhere.url", elsewhere]);
    const file = { module_file: importedModule().toString("base64") };
    const wizard = (await client.call("base.import.module", "create", [[file]])) as number[];
    await client.call("base.import.module", "import_module", [wizard]);
  }

  /** Sets what sends attachments elsewhere from now on. */
  async useBucket(): Promise<void> {
    const client = await this.target.client();
    await client.call("ir.config_parameter", "set_param", ["attachments_elsewhere.url", bucket.url]);
    this.#bucketIsUsed = true;
  }

  async upload(): Promise<void> {
    const bytes = randomBytes(4096);
    const client = await this.target.client();
    const values = { name: "brought.bin", datas: bytes.toString("base64") };
    const [id] = (await client.call("ir.attachment", "create", [[values]])) as [number];
    const sha1 = createHash("sha1").update(bytes).digest("hex");
    this.work = { ...this.work, attachments: [...this.work.attachments, { id, sha1, inBucket: this.#bucketIsUsed }] };
  }

  /**
   * Plans jobs, each of which asks a server that nothing but Odoo itself reaches.
   * @param seconds from now, before which none is due
   */
  async plan(count: number, seconds = 0): Promise<void> {
    const client = await this.target.client();
    const ids = (await client.call("our.job", "enqueue", ["planned", count, bucket.ofOdoo, seconds])) as number[];
    this.work = { ...this.work, jobs: [...this.work.jobs, ...ids] };
  }

  /** Makes the jobs due that wait for their time, also where the door is closed; answers how many there are. */
  async makeDue(): Promise<number> {
    const waiting = "model_name = 'our.job' AND state = 'pending' AND eta IS NOT NULL";
    const due = `UPDATE queue_job SET eta = NULL WHERE ${waiting} RETURNING id`;
    return Number(await this.target.sql(`WITH due AS (${due}) SELECT count(*) FROM due`));
  }

  /** Leaves tasks for the team's own runner, also where the door is closed. */
  async leaveTasks(count: number): Promise<void> {
    const rows = `SELECT '${bucket.ofOdoo}', 'pending' FROM generate_series(1, ${count})`;
    await this.target.sql(`INSERT INTO own_task (url, state) ${rows}`);
  }

  /** How many jobs have not run yet. */
  async waitingJobs(): Promise<number> {
    return Number(await this.target.sql("SELECT count(*) FROM our_job WHERE coalesce(runs, 0) = 0"));
  }

  /** Uses all of it once more, and answers what is not as it should be: one line each. */
  async problems(): Promise<string[]> {
    await this.waitForOdoo();
    await this.upload();
    await this.plan(2);
    await this.leaveTasks(2);
    const client = await this.target.client();
    return [
      ...(await this.#wrongRelease()),
      ...(await this.#wrongOptions()),
      ...(await this.#wrongLogin(client)),
      ...(await this.#wrongAttachments(client)),
      ...(await this.#wrongJobs()),
      ...(await this.#wrongTasks()),
      ...(await this.#wrongImported()),
    ];
  }

  /** Version in the database of each of these modules. */
  async versions(names: readonly string[]): Promise<Record<string, string>> {
    const rows = await this.target.sql(
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
        last = (await this.#ask(path)).status;
      } catch (error) {
        last = error;
      }
      return last === 200;
    };
    if (!(await until(answers, limitMs, 500))) throw new Error(`the login form does not answer: ${String(last)}`);
  }

  /** One request of somebody who is not logged in. */
  async #ask(path: string): Promise<Answer> {
    const endpoint = new Endpoint(await this.target.address(), 1);
    try {
      return await endpoint.request("GET", path, { limitMs: 30_000 });
    } finally {
      endpoint.close();
    }
  }

  async #wrongRelease(): Promise<string[]> {
    const digest = digestOf(this.live);
    let digests: readonly string[] = [];
    // A pod of scheduled jobs is replaced a moment after the end of an update.
    const replaced = async () => (digests = await this.target.digests()).every((found) => found === digest);
    await until(replaced, limitMs, 1000);
    const marker = await this.target.sql("SELECT state || ' ' || digest FROM odoo_ship.marker");
    const hashes = JSON.parse(await this.target.sql("SELECT modules FROM odoo_ship.marker")) as Record<
      string,
      string[]
    >;
    const versions = await this.versions(this.modules);
    return [
      ...expect("containers of Odoo", digests.length > 0, true),
      ...digests.flatMap((found) => expect("image of a container of Odoo", found, digest)),
      ...expect("marker", marker, `ready ${digest}`),
      ...this.modules.flatMap((name) => [
        ...expect(`content of ${name} in the marker`, hashes[name]?.join(), this.live.modules[name]?.hash),
        ...expect(`version of ${name}`, versions[name], this.live.modules[name]?.version),
      ]),
    ];
  }

  /** The team's options are in Odoo's file, the secret one nowhere else, and its extensions in the database. */
  async #wrongOptions(): Promise<string[]> {
    const lines = (await this.target.inOdoo("cat", "/run/odoo/odoo.conf")).split("\n");
    const { limit_time_real: limit, server_wide_modules: runners } = broughtConfig["odoo:options"];
    const wanted = Object.entries({ limit_time_real: limit, server_wide_modules: runners, ...broughtSecrets });
    const extensions = (await this.target.sql("SELECT extname FROM pg_extension")).split("\n");
    const environment = await this.target.inOdoo("env");
    return [
      ...wanted.flatMap(([name, value]) =>
        expect(`whether Odoo has ${name}`, lines.includes(`${name} = ${value}`), true),
      ),
      ...broughtConfig["odoo:extensions"].flatMap((name) =>
        expect(`whether PostgreSQL has ${name}`, extensions.includes(name), true),
      ),
      ...expect(
        "whether the environment has the secret one",
        environment.includes(broughtSecrets.smtp_password),
        false,
      ),
    ];
  }

  /** People are sent elsewhere, an administrator comes in by the form, and the policy refuses a weak password. */
  async #wrongLogin(client: RpcClient): Promise<string[]> {
    const { status, headers } = await this.#ask("/web/login");
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
    return this.work.attachments.flatMap(({ id, sha1, inBucket }) => [
      ...expect(`whether the bucket has attachment ${id}`, objects.has(sha1), inBucket),
      ...expect(`place of attachment ${id}`, found.get(id)?.store_fname === `elsewhere://${sha1}`, inBucket),
      ...expect(`content of attachment ${id}`, sha1Of(found.get(id)?.datas), sha1),
    ]);
  }

  /** A module that lives in the database alone, and what it has brought. */
  async #wrongImported(): Promise<string[]> {
    const state = `SELECT state || ' ' || imported FROM ir_module_module WHERE name = '${imported}'`;
    const records = `SELECT count(*) FROM ir_model_data WHERE module = '${imported}' AND model = 'res.partner.category'`;
    return [
      ...expect(`state of ${imported}`, await this.target.sql(state), "installed true"),
      ...expect(`records of ${imported}`, await this.target.sql(records), "1"),
    ];
  }

  /** Each task has to be done, once: none by a server that reaches nothing. */
  async #wrongTasks(): Promise<string[]> {
    const found = () => this.target.sql("SELECT DISTINCT state || ', ' || coalesce(runs, 0) FROM own_task");
    await until(async () => !/pending|begun/.test(await found()), limitMs, 1000);
    return expect("states of the runner's tasks, and how often each ran", await found(), "done, 1");
  }

  /** Each of the jobs has to be done, once, in the database of users. */
  async #wrongJobs(): Promise<string[]> {
    const states = () =>
      this.target.sql("SELECT string_agg(DISTINCT state, ' ') FROM queue_job WHERE model_name = 'our.job'");
    const settled = async () => /^(done|failed|done failed)$/.test(await states());
    await until(settled, limitMs, 1000);
    const rows = await this.target.sql(
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
