import assert from "node:assert/strict";

import * as pulumi from "@pulumi/pulumi";

import { type GatesArgs, ReleaseGates } from "../../../components/release/gates";
import type { Signers } from "../../../components/signature/proof";
import { declare, type ProgramRun } from "../../support/program";

const digest = `sha256:${"a".repeat(64)}`;

type Environment = GatesArgs["settings"]["environment"];

/** What the gates of a stack declare, and the resources that the released digest waits for. */
async function gatesOf(
  environment: Environment,
  built: boolean,
  signers?: Signers,
): Promise<{ run: ProgramRun; waited: string[]; before: number }> {
  const settings = {
    environment,
    gates: { imageMegabytes: 2000, signing: signers === undefined ? "none" : "key" },
    image: { modules: ["shop"] },
    odoo: { modules: ["shop", "books"] },
  } as unknown as GatesArgs["settings"];
  const plan = { build: built ? { contentHash: "0".repeat(64) } : undefined, signers } as GatesArgs["plan"];
  let before = 0;
  let waited: string[] = [];
  const run = await declare("staging", {}, { "command:local:Command": answers }, async () => {
    const gates = new ReleaseGates("gates", { settings, plan, stack: "odoo/staging", repository: "r.example/odoo" });
    before = gates.before.length;
    const passed = gates.passed(pulumi.output(digest)) as pulumi.Output<string> & {
      allResources(): Promise<Set<pulumi.Resource>>;
    };
    const names = [...(await passed.allResources())].map(async (resource) => nameOf(await urnOf(resource)));
    waited = await Promise.all(names);
    return { digest: passed };
  });
  return { run, waited: waited.sort(), before };
}

/** What ops/gate.ts and ops/attestation.ts print. */
function answers(_: unknown, name: string): Record<string, unknown> {
  const result = { gate: name.replace("gates-", ""), outcome: "passed", notChecked: [] };
  return { stdout: name === "gates-proof" ? JSON.stringify({ signature: "s" }) : JSON.stringify(result) };
}

function urnOf(resource: pulumi.Resource): Promise<string> {
  return new Promise((resolve) => resource.urn.apply(resolve));
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

function orderOf(run: ProgramRun, name: string): { name: string; strict: boolean; order: Record<string, unknown> } {
  const found = run.resources.find((resource) => resource.name === name);
  const { environment } = found?.inputs as { environment: { GATE: string } };
  return JSON.parse(environment.GATE) as ReturnType<typeof orderOf>;
}

describe("The gates of a release", () => {
  it("let the digest of a build out when the last one has passed, and not before", async () => {
    const { run, waited, before } = await gatesOf("staging", true);
    assert.ok(waited.includes("gates-image"), waited.join(", "));
    assert.equal(run.outputs["digest"], digest);
    assert.equal(before, 1);
    // What depends on the digest would be deleted first, a Job of the running release included.
    assert.doesNotMatch(JSON.stringify(run.resources), /"deleteBeforeReplace":true/);
    assert.deepEqual(orderOf(run, "gates-image").order, {
      stack: "odoo/staging",
      image: `r.example/odoo@${digest}`,
      maxBytes: 2e9,
      modules: ["shop", "books"],
    });
  });

  it("hand their results to the report, for which no release waits", async () => {
    const { run, waited } = await gatesOf("staging", true);
    const found = run.resources.find(({ name }) => name === "gates-report");
    const { environment } = found?.inputs as { environment: { REPORT: string } };
    assert.deepEqual(JSON.parse(environment.REPORT), {
      stack: "odoo/staging",
      image: `r.example/odoo@${digest}`,
      results: ["preflight", "image"].map((gate) => JSON.stringify({ gate, outcome: "passed", notChecked: [] })),
    });
    assert.ok(!waited.includes("gates-report"));
  });

  it("are not run again for a digest that is deployed by its name", async () => {
    const { run, waited } = await gatesOf("production", false);
    assert.deepEqual(waited, []);
    assert.deepEqual(
      run.resources.map(({ name }) => name).filter((name) => name.startsWith("gates-")),
      [],
    );
    assert.equal(run.outputs["digest"], digest);
  });

  it("end with a signature of their results, and nothing leaves before it is verified", async () => {
    const signers = [{ publicKey: "the key" }];
    const { run, waited } = await gatesOf("staging", true, signers);
    assert.deepEqual(orderOf(run, "gates-signature").order, {
      stack: "odoo/staging",
      image: `r.example/odoo@${digest}`,
      signing: "key",
      signers,
      gates: ["preflight", "image"].map((name) => ({ name, outcome: "passed", notChecked: [] })),
    });
    assert.ok(waited.includes("gates-signature") && waited.includes("gates-proof"), waited.join(", "));
    const proof = run.resources.find(({ name }) => name === "gates-proof")?.inputs as {
      environment: { PROOF: string };
    };
    assert.deepEqual(JSON.parse(proof.environment.PROOF), {
      stack: "odoo/staging",
      image: `r.example/odoo@${digest}`,
      signers,
    });
  });

  it("let a digest that is deployed by its name out once its signature is verified", async () => {
    const { run, waited } = await gatesOf("production", false, [{ publicKey: "the key" }]);
    assert.deepEqual(
      run.resources.map(({ name }) => name).filter((name) => name.startsWith("gates-")),
      ["gates-proof"],
    );
    assert.ok(waited.includes("gates-proof"));
    assert.equal(run.outputs["digest"], digest);
  });

  for (const [environment, strict] of [
    ["sandbox", false],
    ["staging", true],
    ["production", true],
  ] as const) {
    it(`${strict ? "fail" : "say so"} without a tool on a stack of the kind ${environment}`, async () => {
      const { run } = await gatesOf(environment, true);
      assert.equal(orderOf(run, "gates-preflight").strict, strict);
    });
  }
});
