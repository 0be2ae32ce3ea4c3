import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateResult } from "../../gates/gate";
import type { GateName, OrderOf } from "../../gates/table";
import type { Settings } from "../../settings";
import type { BuildPlan } from "../image/plan";
import { gatesOff, type ReleasePlan } from "./plan";

export interface GatesArgs {
  readonly settings: Pick<Settings, "environment" | "gates" | "image" | "odoo">;
  readonly plan: Pick<ReleasePlan, "build" | "postgres">;
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  readonly repository: string;
}

/** Dockerfiles of the project. The second is there for whoever builds by hand. */
const dockerfiles = ["images/odoo/Dockerfile", "Dockerfile"];
const freeBytes = 10e9;

/**
 * The gates between a tree and its release: each is a program that runs once for what it looks at, and whose failure
 * ends the update. The digest leaves the last one, so nothing can be deployed or tagged before.
 *
 * A digest that is deployed by its name (`image:digest`) passed its gates when it was built.
 */
export class ReleaseGates extends pulumi.ComponentResource {
  /** Passed before anything is built. */
  readonly before: readonly command.local.Command[];

  readonly #name: string;

  constructor(
    name: string,
    private readonly args: GatesArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("odoo:release:ReleaseGates", name, {}, opts);
    this.#name = name;
    const { build } = args.plan;
    this.before =
      build === undefined ? [] : [this.#gate("preflight", { contentHash: build.contentHash, dockerfiles, freeBytes })];
    this.registerOutputs();
  }

  /** Answers the digest of the image, once it has passed. */
  passed(digest: pulumi.Output<string>): pulumi.Output<string> {
    const { settings, plan, stack, repository } = this.args;
    const { build } = plan;
    if (build === undefined) return digest;
    const image = pulumi.interpolate`${repository}@${digest}`;
    const modules = [...new Set([...settings.image.modules, ...settings.odoo.modules])];
    const maxBytes = settings.gates.imageMegabytes * 1e6;
    const looked = this.#gate(
      "image",
      image.apply((known) => ({ stack, image: known, maxBytes, modules })),
    );
    const gates = [...this.before, looked, ...this.#tried(build, image, modules, looked)];
    const results = gates.map(({ stdout }) => stdout);
    const leftOut = gatesOff(settings.gates).map((gate) => pulumi.output(JSON.stringify(notRun(gate))));
    this.#report(image, [...results, ...leftOut]);
    return pulumi.all([digest, pulumi.all(results)]).apply(([known]) => known);
  }

  /** The gates that run Odoo on a database; beside each other, since neither needs the other. */
  #tried(
    { own, context }: BuildPlan,
    image: pulumi.Output<string>,
    modules: readonly string[],
    looked: pulumi.Resource,
  ): command.local.Command[] {
    const { settings, plan, stack, repository } = this.args;
    const off = gatesOff(settings.gates);
    const { extensions } = settings.odoo;
    const { coverage } = settings.gates;
    const orders = image.apply((known) => ({ stack, image: known, postgres: plan.postgres ?? "", extensions, own }));
    const install = own.filter((name) => modules.includes(name));
    const tests = () =>
      this.#gate(
        "tests",
        orders.apply((order) => ({ ...order, context, install, coverage })),
      );
    const validation = () =>
      this.#gate(
        "validation",
        orders.apply((order) => ({ ...order, own: install, modules, repository })),
        // What cannot even be imported is said by one gate.
        { dependsOn: looked },
      );
    return [...(off.includes("tests") ? [] : [tests()]), ...(off.includes("validation") ? [] : [validation()])];
  }

  #gate<N extends GateName>(
    gate: N,
    order: pulumi.Input<OrderOf<N>>,
    opts: pulumi.CustomResourceOptions = {},
  ): command.local.Command {
    const { environment } = this.args.settings;
    const strict = environment !== "sandbox";
    return new command.local.Command(
      `${this.#name}-${gate}`,
      {
        create: "node --import tsx ops/gate.ts",
        environment: { GATE: pulumi.jsonStringify({ stack: this.args.stack, name: gate, strict, order }) },
        triggers: [pulumi.jsonStringify(order)],
        logging: "stderr",
      },
      // Never deleted before it is replaced: that would delete first what depends on the digest.
      { parent: this, ...opts },
    );
  }

  /** A failed gate writes the report itself. This one is of their passes; nothing waits for it. */
  #report(image: pulumi.Output<string>, results: pulumi.Output<string>[]): void {
    const run = pulumi.jsonStringify({ stack: this.args.stack, image, results });
    new command.local.Command(
      `${this.#name}-report`,
      { create: "node --import tsx ops/gate-report.ts", environment: { REPORT: run }, triggers: [run] },
      { parent: this },
    );
  }
}

/** What the report says of a gate that the settings leave out. */
function notRun(gate: GateName): GateResult {
  const notChecked = [`gates:${gate} is off`];
  return { gate, outcome: "incomplete", notChecked, seconds: 0, facts: {}, warnings: [] };
}
