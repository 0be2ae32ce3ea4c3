import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateName, OrderOf } from "../../gates/table";
import type { Settings } from "../../settings";
import type { ReleasePlan } from "./plan";
import { scannerOrders, scanners, switchedOff } from "./scanners";

export interface GatesArgs {
  readonly settings: Pick<Settings, "environment" | "gates" | "image" | "odoo">;
  readonly plan: Pick<ReleasePlan, "build" | "exceptions">;
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
    if (plan.build === undefined) return digest;
    const image = pulumi.interpolate`${repository}@${digest}`;
    const order = image.apply((known) => ({
      stack,
      image: known,
      maxBytes: settings.gates.imageMegabytes * 1e6,
      modules: [...new Set([...settings.image.modules, ...settings.odoo.modules])],
    }));
    const base = plan.build.base;
    const orders = image.apply((known) =>
      scannerOrders({ stack, image: known }, settings.gates, base, plan.exceptions),
    );
    const on = scanners.filter((name) => settings.gates[name] === "required");
    const off = scanners.filter((name) => !on.includes(name)).map((name) => JSON.stringify(switchedOff(name)));
    const pushed = [this.#gate("image", order), ...on.map((name) => this.#gate(name, orders[name]))];
    const results = [...[...this.before, ...pushed].map(({ stdout }) => stdout), ...off];
    this.#report(image, results);
    return pulumi.all([digest, pulumi.all(results)]).apply(([known]) => known);
  }

  #gate<N extends GateName>(gate: N, order: pulumi.Input<OrderOf<N>>): command.local.Command {
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
      { parent: this },
    );
  }

  /** A failed gate writes the report itself. This one is of their passes; nothing waits for it. */
  #report(image: pulumi.Output<string>, results: pulumi.Input<string>[]): void {
    const run = pulumi.jsonStringify({ stack: this.args.stack, image, results });
    new command.local.Command(
      `${this.#name}-report`,
      { create: "node --import tsx ops/gate-report.ts", environment: { REPORT: run }, triggers: [run] },
      { parent: this },
    );
  }
}
