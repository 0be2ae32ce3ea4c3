import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateResult } from "../../gates/gate";
import type { GateName, OrderOf } from "../../gates/table";
import type { Settings } from "../../settings";
import type { BuildPlan } from "../image/plan";
import type { ProofOrder } from "../signature/check";
import { wantsSbom } from "../signature/policy";
import type { GateSummary, Proof, Signers } from "../signature/proof";
import type { ReleasePlan } from "./plan";
import { type Optional, optionalGates, switchedOff } from "./optional-gates";

export interface GatesArgs {
  readonly settings: Pick<Settings, "environment" | "gates" | "image" | "odoo">;
  readonly plan: Pick<ReleasePlan, "build" | "postgres" | "exceptions" | "signers">;
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  readonly repository: string;
  /** `repository@sha256:…` of the proxy that this update builds: what signs Odoo's image signs it, too. */
  readonly proxy?: pulumi.Input<string> | undefined;
}

/** Dockerfiles of the project. The second is there for whoever builds by hand. */
const dockerfiles = ["images/odoo/Dockerfile", "Dockerfile"];
const freeBytes = 10e9;
/** Path of the report, as gates/report/write.ts writes it. */
const reportPage = ".build/report/report.html";

/**
 * The gates between a tree and its release: each is a program that runs once for what it looks at, and whose failure
 * ends the update. The digest leaves the last one, so nothing can be deployed or tagged before.
 *
 * A digest that is deployed by its name (`image:digest`) passed its gates when it was built. Where releases are signed,
 * its signature shows that: it is verified for each digest, whichever way it comes.
 */
export class ReleaseGates extends pulumi.ComponentResource {
  /** Passed before anything is built. */
  readonly before: readonly command.local.Command[];
  /** What targets verify the image by, once `passed` was asked; undefined where releases are not signed. */
  proof: pulumi.Output<Proof> | undefined;

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
    const image = pulumi.interpolate`${repository}@${digest}`;
    if (build === undefined) return this.#proven(digest, image, []);
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
    const off = optionalGates.filter((name) => !chosen.includes(name)).map((name) => JSON.stringify(switchedOff(name)));
    const judged = [...[...this.before, looked, ...others].map(({ stdout }) => stdout), ...off];
    const signed = plan.signers === undefined ? [] : [this.#sign(image, judged, plan.signers)];
    const results = [...judged, ...signed.map(({ stdout }) => stdout)];
    this.#report(image, results);
    return this.#proven(
      pulumi.all([digest, pulumi.all(results)]).apply(([known]) => known),
      image,
      signed,
    );
  }

  /**
   * Tells where the results of the gates are: on the image where releases are signed, else in a folder of the machine
   * whose update built it; empty where this stack has built nothing.
   */
  reportOf(digest: pulumi.Input<string>): pulumi.Output<string> {
    const { plan, repository } = this.args;
    if (plan.signers !== undefined) return pulumi.interpolate`${repository}@${digest}`;
    return pulumi.output(plan.build === undefined ? "" : reportPage);
  }

  /** The last gate: nothing is signed before all others have passed. */
  #sign(image: pulumi.Output<string>, results: pulumi.Input<string>[], signers: Signers): command.local.Command {
    const signing = this.args.settings.gates.signing === "keyless" ? "keyless" : "key";
    const order = pulumi.all([image, this.args.proxy, pulumi.all(results)]).apply(([known, proxy, texts]) => ({
      stack: this.args.stack,
      image: known,
      ...(proxy !== undefined && { proxy }),
      signing,
      signers,
      sbom: wantsSbom(this.args.settings),
      gates: texts.map(summaryOf),
    }));
    return this.#gate("signature", order as pulumi.Output<OrderOf<"signature">>);
  }

  /** Lets the digest out once its signature is verified, where one is asked for. */
  #proven(digest: pulumi.Output<string>, image: pulumi.Output<string>, dependsOn: pulumi.Resource[]) {
    const { stack, plan, settings } = this.args;
    if (plan.signers === undefined) return digest;
    const order = { stack, image, signers: plan.signers, sbom: wantsSbom(settings) } satisfies Record<
      Exclude<keyof ProofOrder, "signatureAlone">,
      unknown
    >;
    const { stdout } = new command.local.Command(
      `${this.#name}-proof`,
      {
        create: "node --import tsx ops/attestation.ts",
        environment: { PROOF: pulumi.jsonStringify(order) },
        // What was found stays: another signature on the same digest moves nothing.
        triggers: [pulumi.jsonStringify(order)],
      },
      { parent: this, dependsOn },
    );
    this.proof = stdout.apply((text) => JSON.parse(text) as Proof);
    return pulumi.all([digest, stdout]).apply(([known]) => known);
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
      tests: { ...database, own, context, install, coverage, exceptions: plan.exceptions },
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

function summaryOf(result: string): GateSummary {
  const { gate, outcome, notChecked } = JSON.parse(result) as GateResult;
  return { name: gate, outcome, notChecked: [...notChecked] };
}
