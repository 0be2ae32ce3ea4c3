import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateName, OrderOf } from "../../gates/table";
import type { Settings } from "../../settings";
import type { BuildPlan } from "../image/plan";
import type { ReleasePlan } from "./plan";
import { type Optional, optionalGates, switchedOff } from "./optional-gates";

export interface GatesArgs {
  readonly settings: Pick<Settings, "environment" | "gates" | "image" | "odoo">;
  readonly plan: Pick<ReleasePlan, "build" | "postgres" | "exceptions">;
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
    const orders = image.apply((known) => this.#orders(build, { stack, image: known }, modules));
    const chosen = optionalGates.filter((name) => settings.gates[name] === "required");
    const others = chosen.map((name) =>
      // What cannot even be imported is said by one gate.
      this.#gate(name, orders[name], name === "validation" ? { dependsOn: looked } : {}),
    );
    const results = [...this.before, looked, ...others].map(({ stdout }) => stdout);
    const off = optionalGates.filter((name) => !chosen.includes(name)).map((name) => JSON.stringify(switchedOff(name)));
    this.#report(image, [...results, ...off]);
    return pulumi.all([digest, pulumi.all(results)]).apply(([known]) => known);
  }

  /**
   * Orders of the gates that can be left out. They run beside each other, since none needs another. What is in an order
   * makes its gate run again; the day does not, so that an unchanged image costs nothing.
   */
  #orders(
    { own, context, base }: BuildPlan,
    pushed: { readonly stack: string; readonly image: string },
    modules: readonly string[],
  ): { readonly [N in Optional]: OrderOf<N> } {
    const { settings, plan, repository } = this.args;
    const { coverage, databaseFrom, databaseDays, signaturesFrom, unfixed } = settings.gates;
    const database = { ...pushed, postgres: plan.postgres ?? "", extensions: settings.odoo.extensions };
    const install = own.filter((name) => modules.includes(name));
    return {
      tests: { ...database, own, context, install, coverage },
      scan: { ...pushed, base, unfixed, exceptions: plan.exceptions, databaseFrom, databaseDays },
      malware: { ...pushed, signaturesFrom, databaseDays },
      sbom: pushed,
      validation: { ...database, own: install, modules, repository },
    };
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
  #report(image: pulumi.Output<string>, results: pulumi.Input<string>[]): void {
    const run = pulumi.jsonStringify({ stack: this.args.stack, image, results });
    new command.local.Command(
      `${this.#name}-report`,
      { create: "node --import tsx ops/gate-report.ts", environment: { REPORT: run }, triggers: [run] },
      { parent: this },
    );
  }
}
