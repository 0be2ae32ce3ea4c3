import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { ask, run, until } from "../../../sandbox/process";
import { privateAddress, publicAddress } from "../../../sandbox/digitalocean/machines";
import { createMachine, powerOnMachine, removeMachine } from "../../../sandbox/vps/machine";
import { containerName } from "../../../sandbox/vps/names";
import { type Address, Endpoint, readAuthority, RpcClient } from "../endpoint";
import type { Installation } from "./installation";
import { domain } from "./requests";

/** Steps of a release, in their order, as the worker's journal names them. */
export const steps = [
  "preflight",
  "pulled",
  "rehearsed",
  "prepared",
  "closed",
  "cloned",
  "upgraded",
  "swapped",
  "tried",
  "committed",
] as const;
export type Step = (typeof steps)[number];
export type Phase = "begin" | "end";

/** A machine's id, and the slot that its addresses go by: beside the sandbox's own machine, which has slot 0. */
export interface Place {
  readonly id: number;
  readonly slot: number;
}
const usual: Place = { id: 9001, slot: 2 };
const database = "odoo";
const second = 1000;
const ballast = "/opt/trial-ballast";
const limitMs = 5 * 60 * second;

/** A worker that stands still at a point of a release, and the pid by which it goes on or ends. */
export interface Held {
  readonly step: Step;
  readonly phase: Phase;
  readonly pid: number;
}

/** A host of the harness's own. Its disk is of a fixed size and holds all of it: images, volumes, the project, the worker's state. */
export class TrialMachine implements Installation {
  readonly database = database;
  readonly host: string;
  /** Its address in the network of machines, where every port answers. */
  readonly privateHost: string;
  /** The administrator's password, once it is known. */
  password = "";
  readonly #id: number;
  readonly #container: string;
  #ca: string | undefined;
  #endpoint: Endpoint | undefined;

  constructor({ id, slot }: Place = usual) {
    this.#id = id;
    this.#container = containerName(id);
    this.host = publicAddress(slot);
    this.privateHost = privateAddress(slot);
  }

  /** A new machine: what an earlier run left is removed. */
  static async create(place = usual): Promise<TrialMachine> {
    await removeMachine(place.id);
    await createMachine({ ...place, name: "trial", userData: "", authorizedKeys: [], volumes: [] });
    const machine = new TrialMachine(place);
    await machine.waitForDocker();
    return machine;
  }

  async remove(): Promise<void> {
    this.#endpoint?.close();
    await removeMachine(this.#id);
  }

  /** Runs a shell script as root on the machine; answers its standard output. */
  async sh(script: string, input = ""): Promise<string> {
    return this.exec(["sh", "-euc", script], input);
  }

  /** @throws CommandError */
  async exec(command: readonly string[], input = ""): Promise<string> {
    const what = `on the trial machine: ${command.join(" ").slice(0, 200)}`;
    return (await run("docker", ["exec", "-i", this.#container, ...command], { what, limitMs, input })).stdout.trim();
  }

  sql(statement: string, name: string = database): Promise<string> {
    // By standard input: a snapshot's statement is longer than an argument may be.
    return this.exec(
      [
        "docker",
        "exec",
        "-i",
        "odoo-db",
        "psql",
        "-U",
        "postgres",
        "-XqtA",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        name,
        "-f",
        "-",
      ],
      statement,
    );
  }

  inOdoo(...command: string[]): Promise<string> {
    return this.exec(["docker", "exec", "odoo-ce", ...command]);
  }

  /** The proxy, by the machine's public address. */
  async address(): Promise<Address> {
    this.#ca ??= await this.sh(readAuthority);
    return { host: this.host, port: 443, domain, ca: this.#ca };
  }

  async endpoint(): Promise<Endpoint> {
    return (this.#endpoint ??= new Endpoint(await this.address()));
  }

  async client(login = "admin", password = this.password): Promise<RpcClient> {
    return RpcClient.login(await this.endpoint(), database, login, password);
  }

  /** Waits until the login page answers 200 through the proxy. */
  async waitForLogin(limit = 90 * second): Promise<void> {
    const endpoint = await this.endpoint();
    let last: unknown;
    const answers = async () => {
      try {
        last = (await endpoint.request("GET", "/web/login", { limitMs: 10 * second })).status;
      } catch (error) {
        last = error;
      }
      return last === 200;
    };
    if (!(await until(answers, limit))) throw new Error(`/web/login does not answer 200: ${String(last)}`);
  }

  /** Its SSH server's key, as settings name it. */
  async hostKey(): Promise<string> {
    return (await this.sh("cat /etc/ssh/ssh_host_ed25519_key.pub")).split(" ").slice(0, 2).join(" ");
  }

  waitForDocker(): Promise<void> {
    return this.#wait("Docker on the trial machine", ["docker", "info"]);
  }

  /** The host goes down without a word, as in a power cut, and comes up again. */
  async powerCut(): Promise<void> {
    await this.powerOff();
    await this.powerOn();
  }

  async powerOff(): Promise<void> {
    await run("docker", ["kill", this.#container], { what: "cutting the trial machine's power", limitMs });
  }

  async powerOn(): Promise<void> {
    await powerOnMachine(this.#id);
    await this.waitForDocker();
  }

  /** Leaves only so much room on the machine's disk. */
  async fillDisk(leaveMiB: number): Promise<void> {
    // Never the outer machine's. Room is what users have: root may go on for a while, PostgreSQL may not.
    await this.sh(`
      case $(findmnt -nvo SOURCE -T ${path.dirname(ballast)}) in /dev/loop*) ;; *) echo "not a disk of its own" >&2; exit 1 ;; esac
      free=$(($(stat -f -c '%a * %S / 1048576' ${path.dirname(ballast)})))
      rest=$((${leaveMiB} > 64 ? ${leaveMiB} : 64))
      [ $free -le $rest ] || fallocate -l $((free - rest))M ${ballast}
      # The file system keeps some blocks to itself: where little is left, only writing finds the end.
      if [ ${leaveMiB} -lt 64 ]; then
        install -o nobody /dev/null ${ballast}-rest
        setpriv --reuid=nobody --clear-groups cat /dev/zero 2> /dev/null >> ${ballast}-rest || true
        truncate -s -${leaveMiB}M ${ballast}-rest
      fi`);
  }

  async emptyDisk(): Promise<void> {
    await this.sh(`rm -f ${ballast} ${ballast}-rest`);
  }

  /** Ends PostgreSQL as a crash does: no signal that it could react to. */
  async killPostgres(): Promise<void> {
    await this.sh("kill -9 $(docker inspect --format '{{.State.Pid}}' odoo-db)");
  }

  /**
   * Starts watching for a point of the release with this request's id. The promise of `held` ends when the worker stands still there, or
   * is undefined if it never came by.
   */
  async hold(step: Step, phase: Phase, request: string, limit = 240): Promise<{ held: Promise<Held | undefined> }> {
    const script = fs.readFileSync(path.join(__dirname, "hold.py"));
    const child = spawn(
      "docker",
      ["exec", "-i", this.#container, "python3", "-", step, phase, request, String(limit)],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    child.stdin.end(script);
    let output = "";
    let watching: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => (watching = resolve));
    child.stdout.setEncoding("utf8").on("data", (data: string) => {
      output += data;
      if (output.includes("watching")) watching();
    });
    const held = new Promise<Held | undefined>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", () => {
        watching();
        const [, at, in_, pid] = /^held (\w+) (\w+) (\d+)$/m.exec(output) ?? [];
        resolve(at === undefined ? undefined : { step: at as Step, phase: in_ as Phase, pid: Number(pid) });
      });
    });
    await ready;
    return { held };
  }

  async resume(held: Held): Promise<void> {
    await this.sh(`kill -CONT ${held.pid}`);
  }

  /** Ends the worker that is held, and lets systemd see it; what it started in Docker goes on. */
  async kill(held: Held): Promise<void> {
    await this.sh(`kill -9 ${held.pid}; while kill -0 ${held.pid} 2>/dev/null; do sleep 0.05; done`);
  }

  /** Steps of the last release that was begun: seconds since 1970 when each began, and when it ended if it has. */
  async steps(): Promise<Readonly<Record<string, readonly [begun: number, ended?: number]>>> {
    const journal = JSON.parse(await this.exec(["cat", "/var/lib/odoo-ship/journal.json"])) as {
      steps: Record<string, [number, number?]>;
    };
    return journal.steps;
  }

  /** For a test that failed: what the machine says about it. */
  async story(): Promise<string> {
    const answer = await ask("docker", ["exec", this.#container, "sh", "-c", story], {
      what: "asking the trial machine",
      limitMs: 30 * second,
    });
    return answer?.stdout ?? "the trial machine does not answer";
  }

  async #wait(what: string, command: readonly string[]): Promise<void> {
    const options = { what, limitMs: 10 * second };
    if (
      !(await until(
        async () => (await ask("docker", ["exec", this.#container, ...command], options)) !== undefined,
        60 * second,
      ))
    )
      throw new Error(`${what} does not answer`);
  }
}

const story =
  "odoo-ship status; journalctl --no-pager -q -u odoo-ship.service -n 40; grep -E '\"(step|phase|outcome|from|to)\"' /var/lib/odoo-ship/journal.json; docker ps -a; df -h /opt; docker logs --tail 20 odoo-ce 2>&1 | grep -v WARNING";
