import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { containerName } from "../../../sandbox/kubernetes/names";
import { vpsImagesRecord } from "../../../sandbox/images/base";
import { ask, run, until } from "../../../sandbox/process";
import type { ServersFile } from "../../../sandbox/servers";
import { runningSandbox } from "../running-sandbox";
import { type CommandResult, TestStack, type Watch } from "../../../sandbox/test/helpers/test-stack";
import { type Address, Endpoint, RpcClient } from "../endpoint";
import type { Installation } from "./installation";
import { type Attachments, populate } from "./population";
import { type Outcome, problemsAfter } from "./proof";
import { snapshot, type Snapshot } from "./snapshot";
import { ledger, notes } from "./addons";
import type { Step } from "./machine";
import { digestOf, repositoryOf, type TrialRelease, TrialReleases } from "./releases";

/** Of the stack's cluster. */
const name = "trial";
const namespace = "odoo";
const domain = "erp.cluster.test";
const second = 1000;
const limitMs = 5 * 60 * second;

/** What an update asks for beside the release. */
export type Settings = Readonly<Record<string, unknown>>;

/** What a stack begins with in the place of the trials' own release and modules. */
export interface Beginning {
  /** `repository@sha256:…` */
  readonly image: string;
  readonly config: Settings;
}

/** A stack with a cluster of its own beside the sandbox's: the real program, engine and node, and a populated Odoo of level 0 or later. */
export class ClusterTrial implements Installation {
  readonly database = "odoo";
  password = "";
  attachments: Attachments = new Map();
  /** Level of the live release. */
  level = 0;
  #id = "";
  #address: Address | undefined;

  private constructor(
    readonly stack: TestStack,
    readonly releases: TrialReleases,
    private readonly servers: ServersFile,
    /** The release that users reach. */
    public live: TrialRelease,
  ) {}

  /** A stack that nothing was made of yet. */
  static async create(beginning?: Beginning): Promise<ClusterTrial> {
    const servers = await runningSandbox();
    await removeLeftovers(servers);
    const releases = await TrialReleases.open(servers, "cluster-trial");
    const live =
      beginning === undefined ? await releases.make({ kind: "good" }, 0) : { image: beginning.image, contentHash: "" };
    const stack = new TestStack(servers, {
      "odoo:modules": ["release_info", ledger, notes],
      "registry:repository": repositoryOf(live.image),
      "registry:ownership": "adopt",
      "image:digest": digestOf(live),
      "doks:mode": "create",
      "doks:domain": domain,
      "doks:tls": "internal",
      "doks:name": name,
      "doks:region": "fra1",
      "doks:version": "1.34.3-do.0",
      "doks:nodeSize": "s-4vcpu-8gb",
      "doks:nodesMin": 1,
      "doks:nodesMax": 1,
      // What several replicas need.
      "doks:filestoreAccess": "ReadWriteMany",
      "doks:storageClass": "sandbox-shared",
      "doks:filestoreGiB": 2,
      "doks:databaseGiB": 2,
      "doks:allowDestroy": true,
      "doks:imagesRecord": "images.json",
      "release:upgradeMinutes": 5,
      "release:readySeconds": 90,
      "release:keepPoints": 3,
      ...beginning?.config,
    });
    stack.write("images.json", fs.readFileSync(vpsImagesRecord, "utf8"));
    await stack.init();
    return new ClusterTrial(stack, releases, servers, live);
  }

  /** After the first update: finds the cluster, and fills the database. */
  async populate(): Promise<void> {
    await this.find();
    await this.readPassword();
    await this.waitForLogin();
    this.attachments = await populate(this);
  }

  /** The administrator's first one, which logs in from now on. */
  async readPassword(): Promise<void> {
    const encoded = await this.kubectl("get", "secret", "odoo-first-login", "-o", "jsonpath={.data.first-password}");
    this.password = Buffer.from(encoded, "base64").toString();
  }

  async find(): Promise<void> {
    const [cluster] = await this.clusters();
    assert.ok(cluster !== undefined, `there is no cluster ${name}`);
    this.#id = cluster.id;
  }

  /** Those of the API with the stack's name. */
  async clusters(): Promise<{ id: string }[]> {
    return named(this.servers, "/v2/kubernetes/clusters", "kubernetes_clusters");
  }

  /** DigitalOcean's id of the cluster. */
  get id(): string {
    assert.ok(this.#id !== "", "the cluster was not looked for");
    return this.#id;
  }

  /** Changes the settings for good, and updates. `onOutput` sees all that was printed so far. */
  update(settings: Settings = {}, onOutput?: Watch): Promise<CommandResult> {
    Object.assign(this.stack.config, settings);
    return this.stack.watchedUp(onOutput);
  }

  /** Updates to a release, with settings for this update alone. */
  async deploy(
    release: TrialRelease,
    settings: Settings = {},
    onOutput?: Watch,
  ): Promise<CommandResult & { seconds: number }> {
    const usual = { ...this.stack.config };
    const begun = Date.now();
    const result = await this.update({ ...settings, "image:digest": digestOf(release) }, onOutput);
    this.stack.config = { ...usual, "image:digest": digestOf(result.status === 0 ? release : this.live) };
    if (result.status === 0) this.live = release;
    return { ...result, seconds: (Date.now() - begun) / 1000 };
  }

  problemsAfter(body: () => Promise<Outcome>): Promise<string[]> {
    return problemsAfter({ odoo: this, attachments: this.attachments, wrongRelease: () => this.wrongRelease() }, body);
  }

  snapshot(): Promise<Snapshot> {
    return snapshot(this);
  }

  /**
   * What of the cluster is not as {@link live} says, by what runs there: one line each. An update that leaves the old pod of scheduled jobs
   * ready until it is replaced ends a moment before that.
   */
  async wrongRelease(): Promise<string[]> {
    let problems: string[] = [];
    await until(async () => (problems = await this.#wrongNow()).length === 0, 600 * second, second);
    return problems;
  }

  async #wrongNow(): Promise<string[]> {
    const digest = digestOf(this.live);
    const [pods, marker, release] = await Promise.all([
      this.pods(),
      this.sql("SELECT state || ' ' || digest FROM odoo_ship.marker"),
      this.client().then((client) => client.call("release.info", "current")) as Promise<{ contentHash: string }>,
    ]);
    const expect = (what: string, found: unknown, expected: unknown) =>
      found === expected ? [] : [`${what}: ${String(found)}, expected ${String(expected)}`];
    const ofOdoo = pods.filter(({ app }) => app === "odoo" || app === "odoo-cron");
    return [
      ...ofOdoo.flatMap(({ name, image, ready }) => [
        ...expect(`image of ${name}, as its node tells it`, image.split("@")[1], digest),
        ...expect(`whether ${name} is ready`, ready, true),
      ]),
      ...expect("pods of scheduled jobs", ofOdoo.filter(({ app }) => app === "odoo-cron").length, 1),
      ...(ofOdoo.length > 1 ? [] : ["there is no pod that answers requests"]),
      ...expect("release that Odoo itself names", release.contentHash, this.live.contentHash),
      ...expect("marker in the database", marker, `ready ${digest}`),
    ];
  }

  /** Those that are there to stay: not ending, not ended. */
  async pods(): Promise<{ name: string; app: string; image: string; ready: boolean }[]> {
    const { items } = JSON.parse(await this.kubectl("get", "pods", "-o", "json")) as { items: Pod[] };
    return items
      .filter(
        ({ metadata, status }) =>
          metadata.deletionTimestamp === undefined && status.phase !== "Succeeded" && status.phase !== "Failed",
      )
      .map(({ metadata, status }) => ({
        name: metadata.name,
        app: metadata.labels["app"] ?? "",
        image: status.containerStatuses?.[0]?.imageID ?? "",
        ready: status.containerStatuses?.[0]?.ready === true,
      }));
  }

  /** As the cluster's administrator, in the namespace. */
  kubectl(...args: string[]): Promise<string> {
    return this.#kubectl(args, limitMs);
  }

  async #kubectl(args: readonly string[], limit: number): Promise<string> {
    const command = ["exec", containerName(this.id), "kubectl", "--namespace", namespace, ...args];
    const what = `kubectl ${args.slice(0, 3).join(" ")}`;
    return (await run("docker", command, { what, limitMs: limit })).stdout.trim();
  }

  sql(statement: string, database = this.database): Promise<string> {
    return this.kubectl(
      "exec",
      "odoo-db-0",
      "--",
      "psql",
      "-U",
      "postgres",
      "-d",
      database,
      "-Atq",
      "-v",
      "ON_ERROR_STOP=1",
      "-c",
      statement,
    );
  }

  /** A shell script beside PostgreSQL; `input` goes to its standard input. */
  async inDatabase(script: string, input: string): Promise<string> {
    const words = ["--namespace", namespace, "exec", "-i", "odoo-db-0", "--", "sh", "-euc", script];
    const command = ["exec", "-i", containerName(this.id), "kubectl", ...words];
    return (await run("docker", command, { what: "a script beside PostgreSQL", limitMs, input })).stdout.trim();
  }

  inOdoo(...command: string[]): Promise<string> {
    return this.kubectl("exec", "deployment/odoo", "-c", "odoo", "--", ...command);
  }

  async address(): Promise<Address> {
    if (this.#address === undefined) {
      const host = (await this.stack.outputs())["doksAddress"] ?? "";
      const ca = await this.kubectl(
        "exec",
        "deployment/odoo-edge",
        "--",
        "cat",
        "/data/caddy/pki/authorities/local/root.crt",
      );
      this.#address = { host, port: 443, domain, ca };
    }
    return this.#address;
  }

  async client(login = "admin", password = this.password): Promise<RpcClient> {
    return RpcClient.login(new Endpoint(await this.address()), this.database, login, password);
  }

  /** Waits until the login page answers 200 through the edge. */
  async waitForLogin(limit = 120 * second): Promise<void> {
    const endpoint = new Endpoint(await this.address());
    let last: unknown;
    const answers = async () => {
      try {
        last = (await endpoint.request("GET", "/web/login", { limitMs: 10 * second })).status;
      } catch (error) {
        last = error;
      }
      return last === 200;
    };
    const answered = await until(answers, limit);
    endpoint.close();
    if (!answered) throw new Error(`/web/login does not answer 200: ${String(last)}\n${await this.story()}`);
  }

  /**
   * Lets the worker of the Job that runs next stand still when it begins this step, or a later one.
   * @param seconds from the beginning of the Job's pod, within which it comes there
   */
  async hold(step: Step, seconds = 240): Promise<Held> {
    const script = fs.readFileSync(path.join(__dirname, "hold.py"), "utf8");
    const before = await this.#jobPods();
    let pod: string | undefined;
    const begun = async () => (pod = (await this.#jobPods()).find((name) => !before.includes(name))) !== undefined;
    assert.ok(await until(begun, 600 * second, 200), "no pod of a Job began");
    const request = JSON.parse(await this.kubectl("exec", pod ?? "", "--", "cat", "/run/request/request.json")) as {
      id: string;
    };
    const words = ["python3", "-c", script, step, "begin", request.id, String(seconds)];
    const told = await this.#kubectl(["exec", pod ?? "", "--", ...words], seconds * second + limitMs);
    const [, at, pid] = /^held (\w+) \w+ (\d+)$/m.exec(told) ?? [];
    assert.ok(at !== undefined && pid !== undefined, `the worker never came to ${step}: ${told}`);
    return { pod: pod ?? "", step: at as Step, pid };
  }

  /** Sends a signal to a worker that stands still. */
  async signal({ pod, pid }: Held, signal: "CONT" | "KILL"): Promise<void> {
    const sent = this.kubectl(
      "exec",
      pod,
      "--",
      "python3",
      "-c",
      `import os, signal; os.kill(${pid}, signal.SIG${signal})`,
    );
    // With a worker its container ends, and with that whoever has ended it.
    await sent.catch((error: unknown) => {
      if (signal !== "KILL" || !String(error).includes("exit code 137")) throw error;
    });
  }

  /** Names of the releases' Jobs that are there, done or not. */
  jobs(): Promise<string[]> {
    return this.#names("jobs", "-l", "app=odoo-upgrade");
  }

  #jobPods(): Promise<string[]> {
    return this.#names("pods", "-l", "app=odoo-upgrade", "--field-selector", "status.phase=Running");
  }

  async #names(...query: string[]): Promise<string[]> {
    return (await this.kubectl("get", ...query, "-o", "name")).split("\n").filter((name) => name !== "");
  }

  /** Leaves no processor for another pod on the node. */
  async fillNode(): Promise<void> {
    const { items } = JSON.parse(await this.kubectl("get", "pods", "--all-namespaces", "-o", "json")) as {
      items: { status: { phase: string }; spec: { containers: { resources?: { requests?: { cpu?: string } } }[] } }[];
    };
    const asked = items
      .filter(({ status }) => status.phase === "Running" || status.phase === "Pending")
      .flatMap(({ spec }) => spec.containers.map(({ resources }) => millicores(resources?.requests?.cpu ?? "0")));
    const all = millicores(await this.kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.allocatable.cpu}"));
    const rest = all - asked.reduce((sum, one) => sum + one, 0) - 20;
    const image = await this.kubectl(
      "get",
      "statefulset",
      "odoo-db",
      "-o",
      "jsonpath={.spec.template.spec.containers[0].image}",
    );
    await this.kubectl(
      ...["run", filler, "-n", "default", `--image=${image}`, "--restart=Never"],
      `--overrides=${JSON.stringify({ spec: { containers: [{ name: filler, image, command: ["sleep", "3600"], resources: { requests: { cpu: `${rest}m` } } }] } })}`,
    );
    await this.kubectl("wait", "-n", "default", "--for=condition=Ready", `pod/${filler}`, "--timeout=600s");
  }

  /** Ends {@link fillNode}. */
  async emptyNode(): Promise<void> {
    await this.kubectl("delete", "pod", filler, "-n", "default", "--grace-period=0", "--force");
  }

  /** For a test that failed: what the cluster says about it. */
  async story(): Promise<string> {
    const script = `kubectl -n ${namespace} get pods,jobs -o wide; kubectl -n ${namespace} get events --sort-by=.lastTimestamp | tail -n 15
      kubectl -n ${namespace} logs --tail 60 --prefix -l 'app in (odoo-upgrade,odoo,odoo-cron)' | grep -vE 'werkzeug|jsonrpc' | tail -n 40`;
    const answer = await ask("docker", ["exec", containerName(this.#id), "sh", "-c", script], {
      what: "asking the cluster",
      limitMs: 60 * second,
    });
    return answer?.stdout ?? "the cluster does not answer";
  }

  /** Takes it all away, as an operator does. */
  destroy(): Promise<CommandResult> {
    return this.stack.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive", "--color", "never");
  }

  remove(): void {
    this.releases.remove();
    this.stack.remove();
  }
}

const filler = "filler";

/** What of the API has the stack's name. */
async function named(servers: ServersFile, path: string, list: string): Promise<{ id: string }[]> {
  const answer = (await (await api(servers, "GET", `${path}?per_page=100`)).json()) as Record<
    string,
    { id: string; name: string }[] | undefined
  >;
  return (answer[list] ?? []).filter((one) => one.name === name);
}

function api({ apiUrl, token }: ServersFile, method: string, path: string): Promise<Response> {
  return fetch(`${apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(60_000),
  });
}

/** An earlier run that was killed leaves its cluster. */
async function removeLeftovers(servers: ServersFile): Promise<void> {
  for (const [path, list] of [
    ["/v2/kubernetes/clusters", "kubernetes_clusters"],
    ["/v2/vpcs", "vpcs"],
  ] as const) {
    const gone = async () => {
      const left = await named(servers, path, list);
      for (const { id } of left) await api(servers, "DELETE", `${path}/${id}`);
      return left.length === 0;
    };
    assert.ok(await until(gone, 600 * second, 1000), `what is left of ${name} does not go: ${path}`);
  }
}

/** A worker that stands still. */
export interface Held {
  readonly pod: string;
  readonly step: Step;
  readonly pid: string;
}

function millicores(quantity: string): number {
  return quantity.endsWith("m") ? Number(quantity.slice(0, -1)) : Number(quantity) * 1000;
}

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly deletionTimestamp?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: { readonly imageID: string; readonly ready: boolean }[];
  };
}
