import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const limitMs = 300_000;

/** Runs Docker with the sandbox's login; answers standard output. */
export function docker(environment: NodeJS.ProcessEnv, ...args: string[]): string {
  return execFileSync("docker", args, {
    encoding: "utf8",
    env: environment,
    timeout: limitMs,
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 << 20,
  }).trim();
}

/** An image run as the deployments will: PostgreSQL beside it, read-only root, no capabilities, secrets as files. */
export class HardenedOdoo {
  readonly password = "planted-database-password";
  readonly adminPassword = "planted-master-password";
  readonly #name = `odoo-e2e-${process.pid}`;
  readonly #secrets = fs.mkdtempSync(path.join(os.tmpdir(), "odoo-e2e-"));

  constructor(
    readonly image: string,
    readonly postgres: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {
    fs.chmodSync(this.#secrets, 0o755);
    fs.writeFileSync(path.join(this.#secrets, "db"), `${this.password}\n`);
    fs.writeFileSync(path.join(this.#secrets, "admin"), this.adminPassword);
  }

  get container(): string {
    return `${this.#name}-odoo`;
  }

  docker(...args: string[]): string {
    return docker(this.environment, ...args);
  }

  /** Installs the modules into a fresh database, then serves it on a port of the loopback interface. */
  async start(modules: readonly string[]): Promise<string> {
    this.docker("network", "create", "--label", "odoo.sandbox=1", "--subnet", "198.18.88.0/24", this.#name);
    const files = `${this.#secrets}:/run/secrets:ro`;
    this.docker(
      "run",
      "-d",
      "--label",
      "odoo.sandbox=1",
      "--name",
      `${this.#name}-db`,
      "--network",
      this.#name,
      "--network-alias",
      "db",
      "-v",
      files,
      "-e",
      "POSTGRES_USER=odoo",
      "-e",
      "POSTGRES_DB=postgres",
      "-e",
      "POSTGRES_PASSWORD_FILE=/run/secrets/db",
      this.postgres,
    );
    this.docker(
      "run",
      "--rm",
      ...this.#hardening(),
      "--memory",
      "2g",
      this.image,
      "odoo",
      "-i",
      modules.join(","),
      "--stop-after-init",
      "--no-http",
    );
    this.docker("run", "-d", "--name", this.container, "-p", "127.0.0.1::8069", ...this.#hardening(), this.image);
    const url = `http://${this.docker("port", this.container, "8069").split("\n")[0] ?? ""}`;
    await this.#ready(`${url}/web/login`);
    return url;
  }

  /** Runs a command once in a container of the image; answers its exit status and all it printed. */
  once(variables: Record<string, string>, ...command: string[]): { status: number | null; output: string } {
    const settings = Object.entries(variables).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const run = spawnSync(
      "docker",
      [
        "run",
        "--rm",
        "--network",
        "none",
        "--read-only",
        "--tmpfs",
        "/run",
        "--tmpfs",
        "/tmp",
        ...settings,
        this.image,
        ...command,
      ],
      { encoding: "utf8", env: this.environment, timeout: limitMs },
    );
    return { status: run.status, output: `${run.stdout}${run.stderr}` };
  }

  /** Runs a command in a container of the image beside the server, with more flags of `docker run`; `input` is its standard input. */
  beside(flags: readonly string[], command: readonly string[], input = ""): { status: number | null; output: string } {
    const args = ["run", "--rm", "-i", ...this.#hardening(), ...flags, this.image, ...command];
    const run = spawnSync("docker", args, { encoding: "utf8", env: this.environment, timeout: limitMs, input });
    return { status: run.status, output: `${run.stdout}${run.stderr}` };
  }

  remove(): void {
    for (const name of ["odoo", "db"]) {
      spawnSync("docker", ["rm", "-f", "-v", `${this.#name}-${name}`], { env: this.environment, stdio: "ignore" });
    }
    for (const [kind, name] of [
      ["network", this.#name],
      ["volume", `${this.#name}-data`],
    ] as const) {
      spawnSync("docker", [kind, "rm", name], { env: this.environment, stdio: "ignore" });
    }
    fs.rmSync(this.#secrets, { recursive: true, force: true });
  }

  #hardening(): string[] {
    const tmpfs = (target: string) => ["--tmpfs", `${target}:rw,noexec,nosuid,size=100m`];
    const secrets = [
      "-v",
      `${this.#secrets}:/run/secrets:ro`,
      "-e",
      "DB_PASSWORD_FILE=/run/secrets/db",
      "-e",
      "ADMIN_PASSWD_FILE=/run/secrets/admin",
    ];
    return [
      "--label",
      "odoo.sandbox=1",
      "--network",
      this.#name,
      "--read-only",
      "--cap-drop",
      "ALL",
      "--security-opt",
      "no-new-privileges",
      ...tmpfs("/tmp"),
      ...tmpfs("/run"),
      "-v",
      `${this.#name}-data:/var/lib/odoo`,
      ...secrets,
      "-e",
      "WORKERS=2",
    ];
  }

  async #ready(url: string): Promise<void> {
    const end = Date.now() + limitMs;
    for (;;) {
      try {
        if ((await fetch(url, { signal: AbortSignal.timeout(15_000) })).status === 200) {
          return;
        }
      } catch {
        // Not up yet; the end of the wait is told below.
      }
      if (Date.now() > end) {
        throw new Error(
          `${url} did not answer 200 within ${limitMs / 1000} s:\n${this.docker("logs", "--tail", "30", this.container)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Odoo's JSON-RPC as a client uses it, logged in to one database. */
export class OdooClient {
  private constructor(
    private readonly url: string,
    private readonly database: string,
    private readonly user: number,
    private readonly password: string,
  ) {}

  static async login(url: string, database: string, login: string, password: string): Promise<OdooClient> {
    const user = await rpc(url, "common", "login", [database, login, password]);
    if (typeof user !== "number") {
      throw new Error(`${login} cannot log in to ${database}`);
    }
    return new OdooClient(url, database, user, password);
  }

  call(model: string, method: string, args: unknown[] = [], options: object = {}): Promise<unknown> {
    return rpc(this.url, "object", "execute_kw", [
      this.database,
      this.user,
      this.password,
      model,
      method,
      args,
      options,
    ]);
  }
}

async function rpc(url: string, service: string, method: string, args: unknown[]): Promise<unknown> {
  const answer = await fetch(`${url}/jsonrpc`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", method: "call", id: 1, params: { service, method, args } }),
    signal: AbortSignal.timeout(60_000),
  });
  const { result, error } = (await answer.json()) as { result?: unknown; error?: { data?: { message?: string } } };
  if (error !== undefined) {
    throw new Error(error.data?.message ?? JSON.stringify(error));
  }
  return result;
}
