import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { parse, stringify } from "yaml";

import { programFiles } from "../../program-files";
import { readToolPaths, sandboxEnvironment } from "../../environment";
import type { Servers } from "../../servers";
import { openOutputs } from "../../../releases/stack";
import { removeCutNotes } from "../../stack";
import { quote } from "../../support/quote";
import { Vault } from "./vault";

const root = path.join(__dirname, "..", "..", "..");
/** What all stacks share: each of their folders is new. */
const shared = path.join(root, ".build", "tests");

const updateArguments = ["up", "--yes", "--skip-preview", "--non-interactive", "--color", "never"];
const limitMs = 10 * 60_000;

export interface CommandResult {
  readonly status: number | null;
  /** Standard output and error, as they came. */
  readonly output: string;
}

/**
 * Sees all that an update has printed so far, each time there is more of it, and may end it: with all that it started, or
 * the engine alone.
 */
export type Watch = (output: string, end: (signal: NodeJS.Signals, alone?: boolean) => void) => void;

/** Ends an update, or the engine `alone`, as soon as it has printed `at`. */
export function endOnce(at: RegExp, signal: NodeJS.Signals, alone = false): Watch {
  let ended = false;
  return (output, end) => {
    if (ended || !at.test(output)) return;
    ended = true;
    end(signal, alone);
  };
}

/** Does something beside an update once it has printed `at`, and kills it and all that it started afterwards. */
export function killAfter(at: RegExp, meanwhile: () => Promise<unknown>): Watch {
  let begun = false;
  return (output, end) => {
    if (begun || !at.test(output)) return;
    begun = true;
    const kill = () => end("SIGKILL");
    meanwhile().then(kill, kill);
  };
}

/** What keeps a stack's secrets: a passphrase, as most users have it, or a key of a Vault, which is found in no time. */
export type Keeper = "passphrase" | "vault";

/** Empty stacks, as Pulumi has made them: the backend's folder, and lines of the stack's file. */
const begun = new Map<Keeper, { readonly folder: string; readonly lines: string }>();

/** The program in a project folder and a stack of its own, run by the real Pulumi engine against the given servers. */
export class TestStack {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), "test-stack-"));
  readonly project = path.join(this.directory, "project");
  readonly #environment: NodeJS.ProcessEnv;
  config: Record<string, unknown>;

  constructor(servers: Pick<Servers, "apiUrl" | "token" | "registryAddress">, config: Record<string, unknown> = {}) {
    fs.mkdirSync(path.join(this.directory, "state"));
    fs.mkdirSync(this.project);
    for (const name of programFiles) {
      fs.cpSync(path.join(root, name), path.join(this.project, name), { recursive: true });
    }
    fs.symlinkSync(path.join(root, "node_modules"), path.join(this.project, "node_modules"));
    // The program's bundle, which is known by its content: one for all stacks.
    const bundle = path.join(shared, "program");
    for (const folder of [bundle, path.join(this.project, ".build")]) fs.mkdirSync(folder, { recursive: true });
    fs.symlinkSync(bundle, path.join(this.project, ".build", "program"));
    // A ready one in the place of the proxy's build, which takes minutes.
    const record = path.join(this.project, "images", "vps-images.json");
    const ready = {
      reference: "registry.example.com/proxy",
      tag: "1",
      digest: `sha256:${"9".repeat(64)}`,
      date: "2026-01-01",
      built: "images/proxy",
    };
    fs.writeFileSync(
      record,
      JSON.stringify({ ...(JSON.parse(fs.readFileSync(record, "utf8")) as object), proxy: ready }),
    );
    this.#environment = {
      ...sandboxEnvironment(),
      PULUMI_BACKEND_URL: `file://${path.join(this.directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "planted-passphrase",
      PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
      PULUMI_STACK: "sandbox",
      DIGITALOCEAN_API_URL: servers.apiUrl,
      DIGITALOCEAN_TOKEN: servers.token,
      DOCKER_CONFIG: path.join(this.directory, "docker"),
      NODE_COMPILE_CACHE: path.join(shared, "compiled"),
      // With rules an update is two runs of the program; where they matter a test names them.
      POLICY_PACK: "off",
    };
    this.config = {
      "odoo:environment": "sandbox",
      "registry:kind": "digitalocean",
      "registry:host": servers.registryAddress,
      "registry:repository": "team/odoo",
      "registry:ownership": "create",
      // What they do has tests of its own, and takes half a minute for each image.
      "gates:tests": "off",
      "gates:validation": "off",
      // Where the tools happen to be, each of many builds would be scanned.
      "gates:scan": "off",
      "gates:malware": "off",
      "gates:sbom": "off",
      ...config,
    };
  }

  /** Runs Pulumi. */
  async pulumi(...args: string[]): Promise<CommandResult> {
    this.#writeStackFile();
    return this.#run(readToolPaths().engine, args);
  }

  /** Runs one of the project's own commands, with PULUMI_STACK. What it changes in the stack's file stays. */
  async command(file: string, args: readonly string[], onOutput?: Watch): Promise<CommandResult> {
    this.#writeStackFile();
    const result = await this.#run(process.execPath, ["--import", "tsx", file, ...args], onOutput);
    this.config = (parse(this.stackFile()) as { config: Record<string, unknown> }).config;
    return result;
  }

  /** Runs lines of a shell in the project, as somebody types them who agrees to whatever Pulumi asks. */
  async typed(lines: string, variables: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    this.#writeStackFile();
    const folder = path.join(this.directory, "bin");
    fs.mkdirSync(folder, { recursive: true });
    const engine = quote(readToolPaths().engine);
    const agreeing = `#!/bin/sh
case "$1 $2" in
  "up "*) set -- "$@" --yes --skip-preview ;;
  "cancel "* | "refresh "* | "stack rm") set -- "$@" --yes ;;
esac
exec ${engine} "$@" --non-interactive --color never
`;
    fs.writeFileSync(path.join(folder, "pulumi"), agreeing, { mode: 0o755 });
    const first = `${folder}${path.delimiter}${this.#environment["PATH"] ?? ""}`;
    return this.#run("bash", ["-euc", lines], undefined, { ...this.#environment, ...variables, PATH: first });
  }

  /** The stack's file as it is. */
  stackFile(): string {
    return fs.readFileSync(path.join(this.project, "Pulumi.sandbox.yaml"), "utf8");
  }

  /** An environment variable of Pulumi from now on; undefined takes it away. */
  setVariable(name: string, value: string | undefined): void {
    this.#environment[name] = value;
  }

  /** Runs an update and ends it, and all that it started, as soon as it prints `at`. Fails if that never happens. */
  async endedUpdate(at: RegExp, signal: NodeJS.Signals): Promise<CommandResult> {
    const result = await this.watchedUp(endOnce(at, signal));
    if (!at.test(result.output)) {
      throw new Error(`the update never printed ${String(at)}:\n${result.output}`);
    }
    return result;
  }

  /** An update whose output is seen as it comes: all of it so far. `end` ends it, and all that it started. */
  watchedUp(onOutput?: Watch): Promise<CommandResult> {
    this.#writeStackFile();
    return this.#run(readToolPaths().engine, updateArguments, onOutput);
  }

  /** What an operator does after a killed update: take its lock away, then update again. */
  async recover(): Promise<CommandResult> {
    await this.unlock();
    return this.up();
  }

  /** Takes the lock of a killed update away. A state in files may have been cut short by the kill: Pulumi keeps those before it. */
  async unlock(): Promise<void> {
    removeCutNotes(path.join(this.directory, "state", ".pulumi"));
    const [stacks, backups] = ["stacks", "backups"].map((name) => path.join(this.directory, "state", ".pulumi", name));
    for (const file of stackFiles(stacks ?? "")) {
      const before = path.join(path.dirname(file), path.basename(file, ".json"));
      const older = jsonFiles(backups ?? "").filter((name) => name.startsWith(`${before}${path.sep}`));
      const known = [
        `${stacks}/${file}`,
        `${stacks}/${file}.bak`,
        ...older.reverse().map((name) => `${backups}/${name}`),
      ];
      const whole = known.find(isJson);
      if (whole === undefined) throw new Error(`none of these is whole: ${known.join(", ")}`);
      if (whole !== known[0]) fs.copyFileSync(whole, `${stacks}/${file}`);
    }
    await this.pulumi("cancel", "--yes", "--non-interactive");
  }

  /** Makes the empty stack. After the first one of a process it is a copy of that: making it takes Pulumi most of a second. */
  async init(keeper: Keeper = "passphrase"): Promise<void> {
    const byVault = keeper === "vault" ? ["--secrets-provider", "hashivault://stacks"] : [];
    if (keeper === "vault") Object.assign(this.#environment, (await Vault.running()).variables);
    const [state, file] = [path.join(this.directory, "state"), path.join(this.project, "Pulumi.sandbox.yaml")];
    const elsewhere = this.#environment["PULUMI_BACKEND_URL"] !== `file://${state}`;
    const empty = begun.get(keeper);
    if (empty === undefined || elsewhere) {
      const { status, output } = await this.pulumi("stack", "init", "sandbox", ...byVault, "--non-interactive");
      if (status !== 0) throw new Error(output);
      if (elsewhere) return;
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "empty-stack-"));
      process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
      fs.cpSync(state, folder, { recursive: true });
      begun.set(keeper, { folder, lines: keptBy(file) });
      return;
    }
    fs.cpSync(empty.folder, state, { recursive: true });
    fs.writeFileSync(file, empty.lines);
  }

  up(...more: string[]): Promise<CommandResult> {
    return this.pulumi(...updateArguments, ...more);
  }

  preview(...more: string[]): Promise<CommandResult> {
    return this.pulumi("preview", "--non-interactive", "--color", "never", "--diff", ...more);
  }

  /** Those that are no secret. */
  async outputs(): Promise<Record<string, string>> {
    const { output } = await this.pulumi("stack", "export");
    return openOutputs(output).outputs as Record<string, string>;
  }

  /** Settings as the stack's file has them when they are encrypted. */
  async encrypted(settings: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    const file = path.join(this.project, "Pulumi.sandbox.yaml");
    const made: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(settings)) {
      const { status, output } = await this.pulumi("config", "set", "--secret", name, "--", value);
      if (status !== 0) throw new Error(output);
      made[name] = (parse(fs.readFileSync(file, "utf8")) as { config: Record<string, unknown> }).config[name];
    }
    return made;
  }

  /** The state, with the secrets in plain. */
  async decrypted(): Promise<string> {
    const { status, output } = await this.pulumi("stack", "export", "--show-secrets");
    if (status !== 0) throw new Error(output);
    return output;
  }

  /** Puts a state in the place of the stack's. */
  async restore(state: string): Promise<void> {
    const file = path.join(this.directory, "to-restore.json");
    fs.writeFileSync(file, state, { mode: 0o600 });
    const { status, output } = await this.pulumi("stack", "import", "--file", file);
    fs.rmSync(file);
    if (status !== 0) throw new Error(output);
  }

  /** Everything that the engine keeps of the stack: state, history, backups. */
  storedText(): string {
    const files = fs.readdirSync(path.join(this.directory, "state"), { recursive: true, withFileTypes: true });
    return files
      .filter((file) => file.isFile())
      .map((file) => fs.readFileSync(path.join(file.parentPath, file.name), "utf8"))
      .join("\n");
  }

  write(file: string, text: string): void {
    const full = path.join(this.project, file);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, text);
  }

  commit(message: string): void {
    const git = (...args: string[]) => execFileSync("git", ["-C", this.project, ...args], { stdio: "pipe" });
    git("init", "-q", "-b", "main");
    git(
      "add",
      "-A",
      "--",
      "addons",
      "images",
      ...(fs.existsSync(path.join(this.project, "README.md")) ? ["README.md"] : []),
    );
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", message);
  }

  remove(): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  #writeStackFile(): void {
    const file = path.join(this.project, "Pulumi.sandbox.yaml");
    fs.writeFileSync(file, `${keptBy(file)}${stringify({ config: this.config })}`);
  }

  #run(
    command: string,
    args: readonly string[],
    onOutput?: Watch,
    env: NodeJS.ProcessEnv = this.#environment,
  ): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd: this.project,
        env,
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: limitMs,
      });
      let output = "";
      const take = (data: Buffer) => {
        output += data.toString();
        onOutput?.(output, (signal, alone = false) =>
          process.kill((alone ? 1 : -1) * (child.pid ?? Number.NaN), signal),
        );
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      child.on("error", reject);
      child.on("close", (status) => resolve({ status, output }));
    });
  }
}

/** The lines of a stack's file that say what keeps its secrets. */
function keptBy(file: string): string {
  const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
  return (text.match(/^(encryptionsalt|secretsprovider|encryptedkey):.*$/gm) ?? []).map((line) => `${line}\n`).join("");
}

/** Below a folder, in the order of their names. */
function jsonFiles(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => name.endsWith(".json"))
    .sort();
}

/** Of a stack whose own file is gone there is the one before it yet. */
function stackFiles(folder: string): string[] {
  const files = namesIn(folder).filter((name) => /\.json(\.bak)?$/.test(name));
  return [...new Set(files.map((name) => name.replace(/\.bak$/, "")))].sort();
}

function namesIn(folder: string): string[] {
  return fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
}

function isJson(file: string): boolean {
  try {
    JSON.parse(fs.readFileSync(file, "utf8"));
    return true;
  } catch {
    return false;
  }
}
