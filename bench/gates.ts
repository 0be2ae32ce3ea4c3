import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { makeKey, publicFile } from "../gates/key";
import type { GateReport } from "../gates/report/schema";
import { budgetSeconds } from "../gates/report/gather";
import { paths } from "../sandbox/config";
import type { ServersFile } from "../sandbox/servers";
import type { TestStack } from "../sandbox/test/helpers/test-stack";
import { ensureGateTools, gateToolFolders } from "../sandbox/tools/gate-tools";
import { writeTrivyDatabase } from "../sandbox/tools/trivy-database";
import { buildingStack } from "../test/support/building-stack";
import { antivirusSignatures } from "../test/support/antivirus-signatures";
import type { Bench } from "./bench";
import { interleave, processorSeconds, seconds } from "./measure";
import { machineAndDay, type Row, table, writeReport } from "./report";
import { updatedSandbox } from "./updated-sandbox";

const rounds = 3;
/** What a change of one addon may take until its image is released. */
const goalSeconds = 6 * 60;
const password = "of the benchmark";

const text = `\`pulumi up\` of a stack that builds, with all gates required and the release signed, from one changed line of an addon to the digest: with the
tools, their databases and the databases of the gates at hand. The yardstick of the first line is the same update with \`--parallel 1\`, which runs all gates one
after the other. The second line tells what keeps it from more: how much of the machine's cores was in use on the
first side. Of the third one the yardstick is six minutes. An update with nothing changed is held against the one of a changed addon: it runs no gate. The lines below are the gates of the first
side, against their budgets. Given is the median of ${rounds} (least to most), the sides taking turns. Trivy's database knows one planted hole and
ClamAV's the test file of antivirus programs, since their makers' cannot be had everywhere: a real ClamAV takes half a minute more to load
its own.`;

export const gatesBench: Bench = {
  help: "how long the gates take from a changed addon to a released digest, beside each other and in a row",
  run: async () => {
    const say = (line: string): void => console.log(line);
    const servers = await updatedSandbox(say);
    await ensureGateTools((what) => say(`tools of the gates: ${String(what)}`));
    process.env["PATH"] = [...gateToolFolders(), process.env["PATH"] ?? ""].join(path.delimiter);
    const stack = await gatedStack(servers);
    try {
      const rows = await measured(stack, say);
      const facts = [machineAndDay(), `Gates that ran again after the changed addon: ${gatesOf(stack).join(", ")}`];
      say(`\n${table(rows)}\n`);
      writeReport(path.join(paths.root, "docs", "benchmarks.md"), { name: "gates", text, facts, rows });
    } finally {
      stack.remove();
    }
  },
};

/** A stack that builds an image of one module with a test, and lets none out that any gate has not looked at. */
async function gatedStack(servers: ServersFile): Promise<TestStack> {
  const stack = await buildingStack(servers, { "image:modules": ["trial"], "odoo:modules": ["trial"] });
  const at = (name: string) => path.join(stack.directory, name);
  await makeKey(stack.directory, password);
  await writeTrivyDatabase(at("holes"), [planted]);
  antivirusSignatures(at("signatures"));
  stack.write(publicFile, fs.readFileSync(at(publicFile), "utf8"));
  Object.assign(stack.config, {
    ...Object.fromEntries(
      ["tests", "validation", "scan", "malware", "sbom"].map((gate) => [`gates:${gate}`, "required"]),
    ),
    "gates:databaseFrom": at("holes"),
    "gates:signaturesFrom": at("signatures"),
    "gates:signing": "key",
    "gates:publicKey": publicFile,
    ...(await stack.encrypted({
      "gates:signingKey": fs.readFileSync(at(path.join(".build", "signing", "signing.key")), "utf8"),
      "gates:signingPassword": password,
    })),
  });
  stack.write("addons/trial/tests/__init__.py", "from . import test_trial\n");
  stack.write(
    "addons/trial/tests/test_trial.py",
    [
      "from odoo.tests import TransactionCase",
      "",
      "",
      "class TestTrial(TransactionCase):",
      "    def test_partner(self):",
      '        self.assertTrue(self.env["res.partner"].create({"name": "of the benchmark"}).id)',
      "",
    ].join("\n"),
  );
  return stack;
}

/** It stops nobody. */
const planted = {
  ...{ source: "pip::planted", package: "planted", id: "CVE-2099-1", title: "Planted", severity: "LOW" as const },
  ...{ vulnerableVersions: ["<2"], patchedVersions: ["2"] },
};

async function measured(stack: TestStack, say: (line: string) => void): Promise<readonly Row[]> {
  const gates = new Map<string, { readonly budget: number; readonly taken: number[] }>();
  let version = 0;
  const changed = async (...more: string[]): Promise<number> => {
    version += 1;
    stack.write("addons/trial/__init__.py", `version = ${version}\n`);
    stack.commit(`version ${version}`);
    const taken = await seconds(() => updated(stack, ...more));
    const { outcome } = reportOf(stack);
    assert.equal(outcome, "passed", "a gate has left something unchecked");
    say(`${more.join(" ") || "beside each other"}: ${taken.toFixed(1)} s`);
    return taken;
  };
  await changed();
  const busy: number[] = [];
  const had: number[] = [];
  const { ours, yardstick } = await interleave(
    rounds,
    async () => {
      let taken = Number.NaN;
      const processor = await processorSeconds(async () => (taken = await changed()));
      busy.push(processor.busy);
      had.push(processor.had);
      for (const { gate, seconds: own = 0, budgetSeconds: budget } of reportOf(stack).gates)
        gates.set(gate, { budget, taken: [...(gates.get(gate)?.taken ?? []), own] });
      return taken;
    },
    () => changed("--parallel", "1"),
  );
  const unchanged: number[] = [];
  for (let round = 0; round < rounds; round += 1)
    unchanged.push(await seconds(() => updated(stack, "--expect-no-changes")));
  return [
    { title: "Changed addon to a released digest, against one gate after the other", unit: "seconds", ours, yardstick },
    {
      title: "Processor time of its first side, against what all cores had",
      unit: "seconds",
      ours: busy,
      yardstick: had,
    },
    { title: "The same against six minutes", unit: "seconds", ours, yardstick: [goalSeconds] },
    { title: "Nothing changed, against a changed addon", unit: "seconds", ours: unchanged, yardstick: ours },
    ...[...gates].map(([gate, { budget, taken }]): Row => {
      return { title: `the gate ${gate}, against its budget`, unit: "seconds", ours: taken, yardstick: [budget] };
    }),
    { title: "All of it, against the budget of a report", unit: "seconds", ours, yardstick: [budgetSeconds] },
  ];
}

async function updated(stack: TestStack, ...more: string[]): Promise<void> {
  const { status, output } = await stack.up(...more);
  if (status !== 0) throw new Error(output);
}

function reportOf(stack: TestStack): GateReport {
  return JSON.parse(fs.readFileSync(path.join(stack.project, ".build", "report", "report.json"), "utf8")) as GateReport;
}

function gatesOf(stack: TestStack): string[] {
  return reportOf(stack).gates.map(({ gate }) => gate);
}
