import { ask } from "../process";
import type { Progress } from "../tools/cache";
import { docker } from "./docker";

/** A container, and the id of what it stands for in DigitalOcean's API. */
export interface Found {
  readonly id: string;
  readonly container: string;
  /** Docker's word, see {@link isUp}. */
  readonly state: string;
}

/** How one kind is told from the others, and called in messages. */
interface Traits<Id extends string | number> {
  /** Such as `clusters`. */
  readonly many: string;
  /** Such as `the cluster c-1`. */
  readonly one: (id: Id) => string;
  /** On each container; its value is the id. */
  readonly label: string;
  readonly name: (id: Id) => string;
  /** As long as what runs inside needs to end; then the power goes. */
  readonly shutdownSeconds: number;
}

/** Containers that stand for machines, clusters or databases of DigitalOcean's. */
export class ContainerKind<Id extends string | number> {
  constructor(private readonly traits: Traits<Id>) {}

  /** Those of every checkout. */
  async list(): Promise<readonly Found[]> {
    const { label, many } = this.traits;
    const format = `{{.Label "${label}"}} {{.Names}} {{.State}}`;
    const lines = await docker(
      ["ps", "--all", "--filter", `label=${label}`, "--format", format],
      `listing the ${many}`,
    );
    return lines
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [id = "", container = "", state = ""] = line.split(" ");
        return { id, container, state };
      });
  }

  /** Docker's word for it. A question that gets no answer is an error, and not "there is none". */
  async state(id: Id): Promise<string | undefined> {
    const filter = ["--filter", `name=^/${this.traits.name(id)}$`];
    const state = await docker(
      ["ps", "--all", ...filter, "--format", "{{.State}}"],
      `looking for ${this.traits.one(id)}`,
    );
    return state === "" ? undefined : state;
  }

  async stop(id: Id): Promise<void> {
    await this.stopNamed([this.traits.name(id)], `stopping ${this.traits.one(id)}`);
  }

  async restart(id: Id): Promise<void> {
    const { name, one, shutdownSeconds } = this.traits;
    await docker(["restart", "--time", String(shutdownSeconds), name(id)], `restarting ${one(id)}`);
  }

  /** All that run, at once: what is held in memory is written before `down` removes them. */
  async stopAll(progress: Progress): Promise<void> {
    const running = (await this.list()).filter(({ state }) => state === "running").map(({ container }) => container);
    if (running.length === 0) return;
    progress(`stopping ${running.join(", ")}`);
    await this.stopNamed(running, `stopping the ${this.traits.many}`);
  }

  /** Removes the container, and not the data; also when there is none any more. */
  async remove(id: Id): Promise<void> {
    // Docker says "no such container" in an exit code on some versions and not on others.
    if ((await this.state(id)) === undefined) return;
    await docker(["rm", "--force", "--volumes", this.traits.name(id)], `removing ${this.traits.one(id)}`);
  }

  /** What it has printed last, for the message of one that does not start. */
  async lastLines(id: Id): Promise<string> {
    const logs = await ask("docker", ["logs", "--tail", "20", this.traits.name(id)], {
      what: "reading its output",
      limitMs: 10_000,
    });
    return `${logs?.stdout ?? ""}${logs?.stderr ?? ""}`.trim();
  }

  private async stopNamed(names: readonly string[], what: string): Promise<void> {
    const { shutdownSeconds } = this.traits;
    const limitMs = (names.length * shutdownSeconds + 30) * 1000;
    await docker(["stop", "--time", String(shutdownSeconds), ...names], what, { limitMs });
  }
}

/** Whether a container of this state runs, or is about to again. */
export function isUp(state: string): boolean {
  return state === "running" || state === "restarting";
}
