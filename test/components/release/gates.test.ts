import assert from "node:assert/strict";

import * as pulumi from "@pulumi/pulumi";

import { type GatesArgs, ReleaseGates } from "../../../components/release/gates";
import { gateWarnings, optionalGates } from "../../../components/release/optional-gates";
import type { GateResult } from "../../../gates/gate";
import type { Signers } from "../../../components/signature/proof";
import { declare, type ProgramRun } from "../../support/program";

const digest = `sha256:${"a".repeat(64)}`;
const postgres = `db.example/postgres@sha256:${"b".repeat(64)}`;

type Environment = GatesArgs["settings"]["environment"];

const exception = { id: "CVE-1", package: "openssl", reason: "not reachable", expires: "2026-01-01" };
const base = { reference: "docker.io/library/odoo", tag: "18.0", digest } as const;

/** What the gates of a stack declare, and the resources that the released digest waits for. */
async function gatesOf(
  environment: Environment,
  built: boolean,
  switches: Readonly<Record<string, "required" | "off">> = {},
  signers?: Signers,
  proxy?: string,
): Promise<{ run: ProgramRun; waited: string[]; before: number }> {
  const settings = {
    environment,
    gates: {
      ...{ imageMegabytes: 2000, tests: "required", coverage: 75, validation: "required" },
      ...{ scan: "required", malware: "required", sbom: "required", unfixed: "report" },
      ...{
        databaseFrom: "",
        databaseDays: 2,
        signaturesFrom: "",
        signing: signers === undefined ? "none" : "key",
        ...switches,
      },
    },
    image: { modules: ["shop"] },
    odoo: { modules: ["shop", "books"], extensions: ["unaccent"] },
  } as unknown as GatesArgs["settings"];
  const build = { contentHash: "0".repeat(64), context: ".build/odoo", own: ["shop", "till"], base };
  const plan = {
    build: built ? build : undefined,
    postgres,
    exceptions: [exception],
    signers,
  } as unknown as GatesArgs["plan"];
  let before = 0;
  let waited: string[] = [];
  const run = await declare("staging", {}, { "command:local:Command": answers }, async () => {
    const gates = new ReleaseGates("gates", {
      settings,
      plan,
      stack: "odoo/staging",
      repository: "r.example/odoo",
      proxy,
    });
    before = gates.before.length;
    const passed = gates.passed(pulumi.output(digest)) as pulumi.Output<string> & {
      allResources(): Promise<Set<pulumi.Resource>>;
    };
    const names = [...(await passed.allResources())].map(async (resource) => nameOf(await urnOf(resource)));
    waited = await Promise.all(names);
    return { digest: passed, report: gates.reportOf(passed) };
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
    for (const name of ["image", "tests", "scan", "malware", "sbom", "validation"]) {
      assert.ok(waited.includes(`gates-${name}`), waited.join(", "));
    }
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
      results: ["preflight", "image", ...optionalGates].map((gate) =>
        JSON.stringify({ gate, outcome: "passed", notChecked: [] }),
      ),
    });
    assert.ok(!waited.includes("gates-report"));
  });

  it("tell where their results are: in a folder, on the image where it is signed, nowhere where nothing was built", async () => {
    const signers = [{ publicKey: "pem" }];
    const of = async (...args: Parameters<typeof gatesOf>) => (await gatesOf(...args)).run.outputs["report"];
    assert.equal(await of("staging", true), ".build/report/report.html");
    assert.equal(await of("production", false), "");
    assert.equal(await of("staging", true, {}, signers), `r.example/odoo@${digest}`);
    assert.equal(await of("production", false, {}, signers), `r.example/odoo@${digest}`);
  });

  it("try the pushed digest, with the team's own modules apart from others", async () => {
    const { run } = await gatesOf("staging", true);
    const tried = { stack: "odoo/staging", image: `r.example/odoo@${digest}`, postgres, extensions: ["unaccent"] };
    const own = ["shop", "till"];
    assert.deepEqual(orderOf(run, "gates-tests").order, {
      ...tried,
      own,
      context: ".build/odoo",
      install: ["shop"],
      coverage: 75,
      exceptions: [exception],
    });
    assert.deepEqual(orderOf(run, "gates-validation").order, {
      ...tried,
      own: ["shop"],
      modules: ["shop", "books"],
      repository: "r.example/odoo",
    });
  });

  it("have orders that name all that makes them run again, and neither the day nor a newer base", async () => {
    const { run } = await gatesOf("staging", true);
    const pushed = { stack: "odoo/staging", image: `r.example/odoo@${digest}` };
    const database = { databaseFrom: "", databaseDays: 2 };
    assert.deepEqual(orderOf(run, "gates-scan").order, {
      ...{ ...pushed, base, unfixed: "report", exceptions: [exception] },
      ...database,
    });
    assert.deepEqual(orderOf(run, "gates-malware").order, { ...pushed, signaturesFrom: "", databaseDays: 2 });
    assert.deepEqual(orderOf(run, "gates-sbom").order, pushed);
  });

  it("are told as not checked where they are switched off", async () => {
    const { run, waited } = await gatesOf("staging", true, { scan: "off" });
    assert.ok(!run.resources.some(({ name }) => name === "gates-scan"));
    assert.ok(waited.includes("gates-malware"));
    const found = run.resources.find(({ name }) => name === "gates-report");
    const { results } = JSON.parse((found?.inputs as { environment: { REPORT: string } }).environment.REPORT) as {
      results: string[];
    };
    const scan = results.map((text) => JSON.parse(text) as Partial<GateResult>).find(({ gate }) => gate === "scan");
    assert.equal(scan?.outcome, "incomplete");
    assert.match(scan.notChecked?.join() ?? "", /vulnerabilities.*gates:scan is off/);
    const settings = Object.fromEntries(optionalGates.map((name) => [name, name === "scan" ? "off" : "required"]));
    assert.deepEqual(gateWarnings(settings as unknown as Parameters<typeof gateWarnings>[0]), [
      "Not checked: vulnerabilities of the image, since gates:scan is off.",
    ]);
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
    const { run, waited } = await gatesOf("staging", true, {}, signers);
    assert.deepEqual(orderOf(run, "gates-signature").order, {
      stack: "odoo/staging",
      image: `r.example/odoo@${digest}`,
      signing: "key",
      signers,
      sbom: true,
      gates: ["preflight", "image", ...optionalGates].map((name) => ({ name, outcome: "passed", notChecked: [] })),
    });
    assert.ok(waited.includes("gates-signature") && waited.includes("gates-proof"), waited.join(", "));
    const proof = run.resources.find(({ name }) => name === "gates-proof")?.inputs as {
      environment: { PROOF: string };
    };
    assert.deepEqual(JSON.parse(proof.environment.PROOF), {
      stack: "odoo/staging",
      image: `r.example/odoo@${digest}`,
      signers,
      sbom: true,
    });
  });

  it("have the proxy's image signed with Odoo's, once it is pushed", async () => {
    const { run } = await gatesOf("staging", true, {}, [{ publicKey: "the key" }], "r.example/odoo@sha256:proxy");
    assert.equal(orderOf(run, "gates-signature").order["proxy"], "r.example/odoo@sha256:proxy");
  });

  it("ask for no list of what is in the image where that gate is off", async () => {
    const { run } = await gatesOf("staging", true, { sbom: "off" }, [{ publicKey: "the key" }]);
    assert.equal(orderOf(run, "gates-signature").order["sbom"], false);
    const proof = run.resources.find(({ name }) => name === "gates-proof");
    const { environment } = proof?.inputs as { environment: { PROOF: string } };
    assert.equal((JSON.parse(environment.PROOF) as { sbom: boolean }).sbom, false);
  });

  it("let a digest that is deployed by its name out once its signature is verified", async () => {
    const { run, waited } = await gatesOf("production", false, {}, [{ publicKey: "the key" }]);
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
