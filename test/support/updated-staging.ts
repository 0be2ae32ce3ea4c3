import * as fs from "node:fs";
import * as path from "node:path";

import type { TargetHistory } from "../../components/odoo/history";
import { PaperApiserver } from "../../sandbox/test/helpers/paper-apiserver";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import type { TestStack } from "../../sandbox/test/helpers/test-stack";
import { PaperClusters } from "./paper-clusters";
import { PaperControllers } from "./paper-controllers";
import { PaperVps } from "./paper-vps";
import { setInFile, teamStacks } from "./team-stacks";

/** Where Odoo's base image is. */
const baseRepository = "library/odoo";

interface State {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly parent?: string;
  readonly provider?: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/**
 * A team's staging after an update that has built an image and deployed it on an adopted host and on a cluster that it
 * has made, without Docker: Pulumi is told that the image was built, and the gates say that they have passed. Host and
 * cluster are stand-ins that do nothing, the rest is the program's.
 */
export class UpdatedStaging {
  readonly #apiserver = new PaperApiserver();
  readonly #host = new PaperVps();
  readonly servers = new RunningServers(undefined, { actionMs: 0, clusters: new PaperClusters(this.#apiserver) });
  #controllers: PaperControllers | undefined;
  stack!: TestStack;

  /**
   * Makes it, with a module `sale_extra` and one Python package.
   * @param mailPassword an encrypted setting
   */
  async start(settings: Readonly<Record<string, string>>, mailPassword: string): Promise<void> {
    await Promise.all([this.servers.start(), this.#host.server.start(), this.#apiserver.start()]);
    this.#controllers = new PaperControllers(this.#apiserver);
    this.stack = await teamStacks(this.servers, this.#host.user.privateKey);
    this.stack.setVariable("PULUMI_STACK", "staging");
    this.baseImage(await this.pushBase("first"), "2026-08-27");
    const manifest = { name: "Sale", version: "18.0.1.2.0", author: "Acme", license: "LGPL-3", depends: ["base"] };
    this.stack.write("addons/sale_extra/__manifest__.py", `${JSON.stringify(manifest)}\n`);
    this.stack.write("addons/sale_extra/__init__.py", "from . import discount\n");
    this.stack.write("addons/sale_extra/discount.py", '"""Rounds a discount."""\n\nDIGITS = 2\n');
    this.stack.write("addons/requirements.txt", "num2words==0.5.13\n");
    this.stack.commit("first");

    const optional = ["tests", "validation", "scan", "malware", "sbom"].map((name) => [`gates:${name}`, "off"]);
    const modules = JSON.stringify(["sale_extra"]);
    const image = { "odoo:modules": modules, "image:modules": modules, ...Object.fromEntries(optional), ...settings };
    await setInFile(this.stack, "staging", { ...image, "vps:mode": "none" });
    const digest = await this.#tellOfImage();
    const { port, hostKey } = this.#host.server;
    await setInFile(this.stack, "staging", {
      ...{ "vps:mode": "adopt", "vps:host": "127.0.0.1", "vps:port": String(port), "vps:user": "ops" },
      ...{ "vps:hostKey": hostKey, "doks:mode": "create", "doks:domain": "staging-k8s.acme.io" },
      "doks:version": "1.33.6-do.0",
    });
    const gate = path.join(this.stack.project, "ops", "gate.ts");
    const program = fs.readFileSync(gate);
    const passed = { outcome: "passed", notChecked: [], seconds: 1, facts: {}, warnings: [] };
    const say = `console.log(JSON.stringify({ gate: JSON.parse(process.env["GATE"]!).name, ...passed }));`;
    fs.writeFileSync(gate, `const passed = ${JSON.stringify(passed)};\n${say}\n`);
    await this.#pulumi("config", "set", "--secret", "--path", "odoo:secretOptions.smtp_password", mailPassword);
    await this.#pulumi("up", "--yes", "--skip-preview", "--non-interactive");
    fs.writeFileSync(gate, program);
    this.#host.history = historyOf(digest);
  }

  /** Pushes a base image of this content under the tag that the record names. */
  pushBase(content: string): Promise<string> {
    return this.servers.push(baseRepository, "18.0", content);
  }

  /** Writes the record of the base image. */
  baseImage(digest: string, date: string): void {
    const file = "images/odoo/base-image.json";
    const record = JSON.parse(fs.readFileSync(path.join(this.stack.project, file), "utf8")) as object;
    const reference = `${this.servers.servers.registryAddress}/${baseRepository}`;
    this.stack.write(file, `${JSON.stringify({ ...record, reference, digest, date }, undefined, 2)}\n`);
  }

  /** Of the host's login. */
  get privateKey(): string {
    return this.#host.user.privateKey;
  }

  async remove(): Promise<void> {
    this.#controllers?.stop();
    this.stack?.remove();
    this.#apiserver.stop();
    await this.#host.server.close();
    await this.servers.remove();
  }

  /** Puts an image of this tree's name into the registry, and its resource, as a preview has it, into the state. */
  async #tellOfImage(): Promise<string> {
    const preview = await this.#json<{ steps: { newState: State }[] }>("preview", "--json", "--non-interactive");
    const states = preview.steps.map(({ newState }) => newState);
    const find = (end: string) => {
      const found = states.find(({ urn }) => urn.endsWith(end));
      if (found === undefined) throw new Error(`the preview has no ${end}`);
      return found;
    };
    const image = find("::odoo-image-build");
    const name = String(image.inputs["imageName"]);
    const digest = await this.servers.push("acme/odoo", name.split(":").at(-1) ?? "");
    const [, provider = "", version = ""] = /^(.*::default_([\d_]+))::/.exec(image.provider ?? "") ?? [];
    const id = "11111111-1111-4111-8111-111111111111";
    const given = { version: version.replaceAll("_", ".") };
    const bare = ({ urn, type, custom, parent }: State) => ({ urn, type, custom, parent });
    const outputs = { ...image.inputs, __inputs: image.inputs, repoDigest: `${name.replace(/:[^:]*$/, "")}@${digest}` };
    const state = await this.#json<{ deployment: object }>("stack", "export");
    const resources = [
      bare(find("::odoo-staging")),
      { urn: provider, type: "pulumi:providers:docker", custom: true, id, inputs: given, outputs: given },
      bare(find("::odoo-image")),
      { ...bare(image), id: name, provider: `${provider}::${id}`, inputs: image.inputs, outputs },
    ];
    await this.stack.restore(JSON.stringify({ ...state, deployment: { ...state.deployment, resources } }));
    return digest;
  }

  /** JSON that Pulumi prints, maybe after words of its own. */
  async #json<T>(...args: string[]): Promise<T> {
    const output = await this.#pulumi(...args);
    return JSON.parse(/^\{[^]*^\}/m.exec(output)?.[0] ?? output) as T;
  }

  async #pulumi(...args: string[]): Promise<string> {
    const { status, output } = await this.stack.pulumi(...args);
    if (status !== 0) throw new Error(output);
    return output;
  }
}

/** What the host's worker would tell of a release that has kept users out for 41 seconds. */
function historyOf(digest: string): TargetHistory {
  const since = "2026-11-20T12:00:00Z";
  return {
    live: { digest, since, restored: null },
    lineage: [digest],
    installed: ["base", "sale_extra"],
    problem: "",
    releases: [{ digest, since, left: null, before: null, door: 41.3, changed: [], added: [] }],
    points: [],
  };
}
