import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { stringify } from "yaml";

import { planBuild } from "../components/image/plan";
import { configIn, fileOf } from "../releases/stack-name";
import { paths } from "../sandbox/config";
import { sandboxEnvironment } from "../sandbox/environment";
import * as kubernetes from "../sandbox/kubernetes/names";
import { run } from "../sandbox/process";
import { programFiles } from "../sandbox/program-files";
import type { ServersFile } from "../sandbox/servers";
import { stackName } from "../sandbox/stack";
import { sshKeyPair } from "../sandbox/support/ssh-key";
import * as vps from "../sandbox/vps/names";
import { readSettings } from "../settings";
import type { Address } from "../test/support/endpoint";
import { destroy, type Project, pulumi, update } from "./stacks";

const registry = "sandbox";
const repository = "odoo-bench";
const namespace = "odoo";
const rootCertificate = "/data/caddy/pki/authorities/local/root.crt";
const limitMs = 10 * 60_000;
/** Kept between runs, so that the next one finds what a killed one has left. */
const home = path.join(paths.state, "bench");
const changedFile = path.join("addons", "release_info", "release.py");

/** An Odoo that a stack has deployed, and the password of its administrator. */
export interface Deployed {
  readonly address: Address;
  readonly password: string;
  /** @default odoo */
  readonly database?: string;
}

/**
 * The product's program with both targets, on machines of its own beside the sandbox's: another host, another cluster,
 * another repository of images, with the sandbox's settings. So no release changes anybody's data, and no addon of the
 * checkout is changed.
 */
export class OwnStack {
  private constructor(
    readonly project: Project,
    private readonly servers: ServersFile,
  ) {}

  /** Removes what an earlier run has left. Nothing is made before {@link update}. */
  static async create(directory: string, servers: ServersFile): Promise<OwnStack> {
    const project = { directory: path.join(directory, "project"), environment: environment() };
    for (const name of ["addons", ...programFiles])
      fs.cpSync(path.join(paths.root, name), path.join(project.directory, name), { recursive: true });
    fs.symlinkSync(path.join(paths.root, "node_modules"), path.join(project.directory, "node_modules"));
    // Records of images, and certificate authorities: the settings name them there.
    fs.symlinkSync(paths.state, path.join(project.directory, path.basename(paths.state)));
    fs.writeFileSync(path.join(project.directory, `Pulumi.${stackName}.yaml`), stackFile());
    // The program asks Git which files there are, and for their commit, as in a checkout.
    const git = (...args: string[]) =>
      run("git", ["-C", project.directory, ...args], { what: `git ${args[0] ?? ""}`, limitMs });
    await git("init", "--quiet");
    await git("add", "--", "addons", "images");
    await git(
      "-c",
      "user.name=bench",
      "-c",
      "user.email=bench@example.com",
      "commit",
      "--quiet",
      "--message",
      "as it is",
    );
    const stack = new OwnStack(project, servers);
    const left = fs.existsSync(path.join(home, "state", ".pulumi"));
    fs.mkdirSync(path.join(home, "state"), { recursive: true, mode: 0o700 });
    await pulumi(project, ["stack", "select", "--create", stackName]);
    if (left) await destroy(project);
    await stack.#ensureRegistry();
    return stack;
  }

  /** `host:port/registry/repository` of its images. */
  get images(): string {
    return `${this.servers.registryAddress}/${registry}/${repository}`;
  }

  update(): Promise<void> {
    return update(this.project);
  }

  /** Takes the other target away. */
  async keepOnly(target: "vps" | "doks"): Promise<void> {
    this.#other = target === "vps" ? { "doks:mode": "none" } : { "vps:mode": "none" };
    this.#write(this.#other);
    await this.update();
    // Whatever comes back is another one.
    this.#ids.clear();
  }

  /** An update which declares that the code before it also works on the data after it. */
  async updateAdditively(): Promise<void> {
    this.#write({ ...this.#other, "release:additive": true });
    await this.update();
    this.#write(this.#other);
  }

  /** `npm run rollback`, as somebody types it; as there, `image:digest` stays in the stack's file. */
  async rollBack(to: string): Promise<void> {
    const options = { what: `rolling back to ${to}`, limitMs, cwd: this.project.directory };
    const args = ["run", "rollback", "--", "--stack", stackName, "--to", to, "--yes"];
    await run("npm", args, { ...options, env: this.project.environment });
  }

  /** Digest of the last update. */
  async digest(): Promise<string> {
    const { imageDigest } = await this.#outputs();
    if (imageDigest === undefined) throw new Error("no update has named an image");
    return imageDigest;
  }

  /** Adds a line to an addon that is installed. Returns the build of it, as the program plans it. */
  async changeAddon(): Promise<{ readonly context: string; readonly args: Readonly<Record<string, string>> }> {
    fs.appendFileSync(path.join(this.project.directory, changedFile), `# ${randomUUID()}\n`);
    return this.plan();
  }

  /** Build context and build arguments of the tree as it is. */
  async plan(): Promise<{ readonly context: string; readonly args: Readonly<Record<string, string>> }> {
    const { image } = readSettings({
      config: Object.fromEntries(
        Object.entries(config()).map(([key, value]) => [
          key,
          typeof value === "string" ? value : JSON.stringify(value),
        ]),
      ),
      secretKeys: new Set(),
      environment: {
        DIGITALOCEAN_TOKEN: "never used: only the settings of the image are read",
        VPS_SSH_PRIVATE_KEY: privateKey(),
      },
    });
    const { context, args } = await planBuild(this.project.directory, image);
    return { context: path.join(this.project.directory, context), args };
  }

  async onVps(): Promise<Deployed> {
    const { vpsAddress, vpsUrl } = await this.#outputs();
    // Copied, not read by a process in the container: on a busy machine runc loses one of those now and then.
    const ca = await this.#onMachine(`docker cp -q odoo-proxy:${rootCertificate} - | tar -xO`);
    const password = /^password: (\S+)$/m.exec(await this.#onMachine("odoo-ship first-login"))?.[1];
    if (password === undefined) throw new Error("the host does not tell the first password");
    return { address: addressOf(vpsAddress, vpsUrl, ca), password };
  }

  async onKubernetes(): Promise<Deployed> {
    const { doksAddress, doksUrl } = await this.#outputs();
    const ca = await this.kubectl([
      "--namespace",
      namespace,
      "exec",
      "deployment/odoo-edge",
      "--",
      "cat",
      rootCertificate,
    ]);
    const secret = [
      "--namespace",
      namespace,
      "get",
      "secret",
      "odoo-first-login",
      "--output",
      "jsonpath={.data.first-password}",
    ];
    return {
      address: addressOf(doksAddress, doksUrl, ca),
      password: Buffer.from(await this.kubectl(secret), "base64").toString(),
    };
  }

  /** As the administrator of the cluster; `input` goes to standard input. */
  async kubectl(args: readonly string[], input = ""): Promise<string> {
    const container = kubernetes.containerName(
      await this.#id("digitalocean:index/kubernetesCluster:KubernetesCluster"),
    );
    const options = { what: `kubectl ${args.join(" ").slice(0, 200)}`, limitMs, input };
    return (await run("docker", ["exec", "-i", container, "kubectl", ...args], options)).stdout.trim();
  }

  /** Takes everything away, also the repository of images. */
  async remove(): Promise<void> {
    await destroy(this.project);
    await this.#ask("DELETE", `/v2/registry/${registry}/repositories/${repository}`, [204, 404]);
    fs.rmSync(home, { recursive: true });
  }

  /** The sandbox's own stack makes it, if that was ever updated. */
  async #ensureRegistry(): Promise<void> {
    if ((await this.#ask("GET", "/v2/registry", [200, 404])) === 404)
      await this.#ask("POST", "/v2/registry", [201], {
        name: registry,
        subscription_tier_slug: "basic",
        region: "fra1",
      });
  }

  async #ask(method: string, url: string, expected: readonly number[], body?: object): Promise<number> {
    const headers = { authorization: `Bearer ${this.servers.token}`, "content-type": "application/json" };
    const answer = await fetch(`${this.servers.apiUrl}${url}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!expected.includes(answer.status))
      throw new Error(`${method} ${url} answered ${answer.status}: ${await answer.text()}`);
    return answer.status;
  }

  async #outputs(): Promise<Readonly<Record<string, string>>> {
    return JSON.parse(await pulumi(this.project, ["stack", "output", "--json", "--stack", stackName])) as Record<
      string,
      string
    >;
  }

  async #onMachine(script: string): Promise<string> {
    const container = vps.containerName(Number(await this.#id("digitalocean:index/droplet:Droplet")));
    const options = { what: `on the VPS: ${script}`, limitMs };
    return (await run("docker", ["exec", container, "sh", "-euc", script], options)).stdout.trim();
  }

  /** Settings by which it has one target alone. */
  #other: Record<string, unknown> = {};

  #write(other: Record<string, unknown>): void {
    fs.writeFileSync(path.join(this.project.directory, `Pulumi.${stackName}.yaml`), stackFile(other));
  }

  readonly #ids = new Map<string, string>();

  /** DigitalOcean's id of the one resource of a type. */
  async #id(type: string): Promise<string> {
    const known = this.#ids.get(type);
    if (known !== undefined) return known;
    const state = JSON.parse(await pulumi(this.project, ["stack", "export", "--stack", stackName])) as {
      deployment: { resources: readonly { type: string; id?: string }[] };
    };
    const id = state.deployment.resources.find((resource) => resource.type === type)?.id;
    if (id === undefined) throw new Error(`the stack has no ${type}`);
    this.#ids.set(type, id);
    return id;
  }
}

/** The sandbox's settings, with names of its own. */
function config(other: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...configIn(fs.readFileSync(path.join(paths.root, fileOf(stackName)), "utf8")),
    "registry:repository": `${registry}/${repository}`,
    "registry:ownership": "adopt",
    "vps:name": repository,
    "vps:domain": "odoo-bench.test",
    "doks:name": repository,
    "doks:domain": "odoo-bench-k8s.test",
    ...other,
  };
}

function stackFile(other: Record<string, unknown> = {}): string {
  const salt =
    /^encryptionsalt:.*$/m.exec(fs.readFileSync(path.join(paths.root, `Pulumi.${stackName}.yaml`), "utf8"))?.[0] ?? "";
  return `${salt}\n${stringify({ config: config(other) })}`;
}

/** No two keys of an account are the same, so that the sandbox's cannot be used again. */
function privateKey(): string {
  const file = path.join(home, "ssh-key");
  fs.mkdirSync(home, { recursive: true, mode: 0o700 });
  if (!fs.existsSync(file)) fs.writeFileSync(file, sshKeyPair("odoo-bench").privateKey, { mode: 0o600 });
  return fs.readFileSync(file, "utf8");
}

function environment(): NodeJS.ProcessEnv {
  return {
    ...sandboxEnvironment(),
    PULUMI_BACKEND_URL: `file://${path.join(home, "state")}`,
    VPS_SSH_PRIVATE_KEY: privateKey(),
  };
}

function addressOf(host: string | undefined, url: string | undefined, ca: string): Address {
  if (host === undefined || url === undefined) throw new Error("the update has no such target");
  return { host, port: 443, domain: new URL(url).hostname, ca };
}
