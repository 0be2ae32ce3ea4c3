import * as fs from "node:fs";
import * as path from "node:path";

import { type Answer, ask } from "../components/shared/ask";
import { askAgain } from "../components/shared/attempt";
import { ShipError } from "../components/shared/errors";
import { inTemporaryFolder } from "../gates/temporary";
import type { SettingsSource } from "../settings";
import { toldUpdate } from "./told-update";

/** A stack, as Pulumi's command line reads and changes it. */
export interface Stack {
  readonly name: string;
  /** Its configuration, with secrets in plain: for `readSettings` alone. */
  config(): Promise<Pick<SettingsSource, "config" | "secretKeys">>;
  /** Outputs of its last update, without secrets; empty before the first. */
  outputs(): Promise<Readonly<Record<string, unknown>>>;
  /** Writes values into the stack's file, all of them at once. */
  set(values: Readonly<Record<string, string>>): Promise<void>;
  /** Takes a key out of the stack's file. */
  unset(key: string): Promise<void>;
  /**
   * Runs an update that says on the terminal what it does, asks a host again also where its state names that release
   * already, and tells of a failure. Answers its exit status.
   * @param rules arguments of Pulumi by which it keeps the rules of docs/policy.md, or none: policy/arguments.ts
   */
  up(rules: readonly string[]): Promise<number>;
}

/** What the state of another stack tells without any of its secrets. */
export interface ReadStack {
  readonly name: string;
  /** Outputs of its last update, those that are no secret; and its whole name, `project/stack`. */
  told(): Promise<{ readonly whole: string; readonly outputs: Readonly<Record<string, unknown>> }>;
}

/** Until the state has answered, wherever it is kept. */
const limitMs = 3 * 60_000;
/** A preview reads hosts and registries, too. */
const previewLimitMs = 15 * 60_000;

/**
 * How Pulumi's engine breaks off where a preview as JSON has a secret of a provider that is not known yet: a cluster's,
 * before there is a cluster.
 */
const firstPreview = "panic: attempt to encrypt value";

/** A state, as far as it matters here. */
interface Exported {
  readonly deployment: {
    readonly resources?: readonly { type?: string; urn?: string; outputs?: Readonly<Record<string, unknown>> }[];
  };
}

/** How a state marks what is secret. */
const secretSignature = "4dabf18193072939515e22adb298388d";

/** Reads the stack's whole name, `project/stack`, and its outputs that are no secret from `pulumi stack export`. */
export function openOutputs(exported: string): Awaited<ReturnType<ReadStack["told"]>> {
  const { deployment } = JSON.parse(exported) as Exported;
  const { urn = "", outputs = {} } = deployment.resources?.find(({ type }) => type === "pulumi:pulumi:Stack") ?? {};
  const [, stack = "", project = ""] = /^urn:pulumi:([^:]*)::([^:]*)::/.exec(urn) ?? [];
  const open = Object.entries(outputs).filter(([, value]) => !JSON.stringify(value).includes(secretSignature));
  return { whole: `${project}/${stack}`, outputs: Object.fromEntries(open) };
}

/** The real one. */
export class PulumiStack implements Stack, ReadStack {
  constructor(
    readonly name: string,
    private readonly root: string,
  ) {}

  async config(): ReturnType<Stack["config"]> {
    const text = await this.#read("reading the configuration", "config", "--json", "--show-secrets");
    const found = JSON.parse(text) as Record<string, { value?: string; secret?: boolean }>;
    const entries = Object.entries(found);
    return {
      config: Object.fromEntries(entries.map(([key, { value = "" }]) => [key, value])),
      secretKeys: new Set(entries.filter(([, { secret }]) => secret === true).map(([key]) => key)),
    };
  }

  async outputs(): ReturnType<Stack["outputs"]> {
    return (await this.told()).outputs;
  }

  /** Takes the state as it lies there: what is secret stays encrypted, so no passphrase of the stack is needed. */
  async told(): ReturnType<ReadStack["told"]> {
    return openOutputs(await this.#read("reading the state", "stack", "export"));
  }

  async set(values: Readonly<Record<string, string>>): Promise<void> {
    const plain = Object.entries(values).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
    await this.#read("changing the configuration", "config", "set-all", ...plain);
  }

  async unset(key: string): Promise<void> {
    await this.#read("changing the configuration", "config", "rm", key);
  }

  /**
   * Answers what an update would do, as Pulumi's JSON, and its events, a line of JSON each: these alone tell what
   * breaks the rules. An update that would be refused says why in the same form.
   * @throws ShipError SETTINGS_INVALID for the first preview with a cluster, and where Pulumi fails; TOOL_MISSING
   * @param rules arguments of Pulumi: policy/arguments.ts
   */
  preview(rules: readonly string[]): Promise<{ readonly printed: string; readonly events: string }> {
    return inTemporaryFolder(async (folder) => {
      const log = path.join(folder, "events");
      const args = ["preview", "--json", "--show-sames", "--stack", this.name, "--non-interactive", ...rules];
      // The log of events is one of the options that Pulumi keeps for those who look into Pulumi.
      const env = { ...process.env, PULUMI_DEBUG_COMMANDS: "true" };
      const answer = await ask("pulumi", [...args, "--event-log", log], this.root, previewLimitMs, env);
      if (answer.stderr.includes(firstPreview)) throw this.#notYet();
      if (answer.status !== 0 && !answer.stdout.trimStart().startsWith("{")) {
        throw this.#failed("the preview", answer);
      }
      return { printed: answer.stdout, events: fs.existsSync(log) ? fs.readFileSync(log, "utf8") : "" };
    });
  }

  up(rules: readonly string[]): Promise<number> {
    const terminal = process.stdin.isTTY ? [] : ["--non-interactive"];
    const how = rules.length === 0 ? ["--skip-preview"] : rules;
    const args = ["up", "--yes", ...how, "--stack", this.name, ...terminal];
    return toldUpdate(this.root, this, args, console.error, { [askAgain]: "1" }).catch((error: Error) => {
      throw this.#failed("the update", { problem: error.message });
    });
  }

  async #read(what: string, ...args: string[]): Promise<string> {
    const all = [...args, "--stack", this.name, "--non-interactive"];
    const answer = await ask("pulumi", all, this.root, limitMs);
    if (answer.status !== 0) {
      throw this.#failed(what, answer);
    }
    return answer.stdout;
  }

  #notYet(): ShipError {
    return new ShipError({
      code: "SETTINGS_INVALID",
      summary: `the stack ${this.name} has no cluster yet, and Pulumi cannot tell a program what its first update does`,
      found: `Pulumi broke off: ${firstPreview}`,
      expected: "a stack that was updated once",
      remedy: `pulumi preview --stack ${this.name} shows it to people; after the first pulumi up this works, too`,
    });
  }

  /** What it printed on standard output is not shown: it may be secrets. */
  #failed(what: string, { stderr = "", problem }: Partial<Answer>): ShipError {
    const absent = problem?.includes("ENOENT") === true;
    return new ShipError({
      code: absent ? "TOOL_MISSING" : "SETTINGS_INVALID",
      summary: `${what} of the stack ${this.name} failed`,
      found: absent ? "no program `pulumi` on the PATH" : stderr.trim() || (problem ?? "no words from Pulumi"),
      expected: "Pulumi's command line, logged in to where the state is, and the stack's passphrase if it has one",
      remedy: `try it by itself: pulumi config --stack ${this.name}`,
    });
  }
}
