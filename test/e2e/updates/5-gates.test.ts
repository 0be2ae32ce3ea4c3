import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { ensureGateTool } from "../../../sandbox/tools/gate-tools";
import type { GateReport } from "../../../gates/report/schema";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { buildingStack, trialRegistry } from "../../support/building-stack";
import { runningSandbox } from "../../support/running-sandbox";
import type { RegistryClient } from "../../../components/registry/client";

/** On in the rows that need them alone: each takes its time for each image. */
const withTests = { "gates:tests": "required" };
const withValidation = { "gates:validation": "required" };

/** What a hostile addon would try from its tests; each try has to fail. */
function hostile(): string {
  return `import os
import socket

import psycopg2
from odoo.tests import TransactionCase
from odoo.tools import mute_logger


class TestTrial(TransactionCase):
    def test_no_way_out(self):
        for address in (("127.0.0.1", 5055), ("172.17.0.1", 5055), ("198.18.0.1", 80), ("1.1.1.1", 443)):
            with self.assertRaises(OSError):
                socket.create_connection(address, timeout=3).close()
        with self.assertRaises(OSError):
            socket.getaddrinfo("example.com", 443)

    def test_nothing_of_the_machine(self):
        places = ("/var/run/docker.sock", "/run/docker.sock", "/root/.docker", "/run/secrets")
        self.assertEqual([place for place in places if os.path.exists(place)], [])
        with self.assertRaises(OSError):
            open("/opt/odoo/left", "w")

    def test_no_secret(self):
        words = ("TOKEN", "PASSPHRASE", "PULUMI", "DOCKER", "GATE")
        self.assertEqual([name for name in os.environ if any(word in name.upper() for word in words)], [])

    def test_no_power_in_postgresql(self):
        self.env.cr.execute("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        self.assertEqual(self.env.cr.fetchone(), (False,))
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.Error), self.env.cr.savepoint():
            self.env.cr.execute("COPY (SELECT 1) TO PROGRAM 'id'")
`;
}

/** In the place of the program that runs a gate: notes that it ran, and passes. */
const passing = `import * as fs from "node:fs";
const { name: gate } = JSON.parse(process.env["GATE"] ?? "{}");
fs.appendFileSync(".build/runs", gate + "\\n");
console.log(JSON.stringify({ gate, outcome: "passed", notChecked: [], seconds: 0, facts: {}, warnings: [] }));
`;

/** Containers, volumes and networks that gates have left. */
function leftByGates(): string {
  const docker = (...args: string[]) => execFileSync("docker", args, { encoding: "utf8" }).trim();
  const filter = ["--filter", "label=odoo-ship.gate", "--quiet"];
  return `${docker("ps", "--all", ...filter)}${docker("volume", "ls", ...filter)}`;
}

describe("the gates of a release", () => {
  let stack: TestStack;
  let registry: RegistryClient;
  let served: string;

  before(async () => {
    const servers = await runningSandbox();
    registry = trialRegistry(servers);
    await ensureGateTool("coverage", () => undefined);
    stack = await buildingStack(servers, { "image:modules": ["trial"], "gates:sbom": "required" });
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    served = (await registry.digestOf("latest")) ?? "";
    assert.equal((await stack.outputs())["imageDigest"], served);
  });
  after(() => stack.remove());

  it("are not run again while nothing has changed", async () => {
    const { status, output } = await stack.up("--expect-no-changes");
    assert.equal(status, 0, output);
  });

  it("say what they did not check; with Syft on this machine, that is not the list of packages", () => {
    const text = fs.readFileSync(path.join(stack.project, ".build", "report", "report.json"), "utf8");
    const { outcome, gates, notChecked } = JSON.parse(text) as GateReport;
    assert.equal(outcome, "incomplete");
    assert.ok(
      notChecked.some((line) => line.includes("gates:scan is off")),
      notChecked.join("\n"),
    );
    const list = gates.find(({ gate }) => gate === "sbom");
    if (list?.outcome === "passed") assert.equal(list.facts["modules"], 1);
    else assert.match(list?.notChecked.join() ?? "", /no syft|syft, version/);
    // Of each image it takes both cores half a minute, and other gates run meanwhile.
    stack.config["gates:sbom"] = "off";
  });

  it("pass tests of an addon that finds no way out, and an upgrade from the release that serves", async () => {
    const usual = { ...stack.config };
    Object.assign(stack.config, withTests, withValidation);
    stack.write("addons/trial/__init__.py", "reached = True\n");
    stack.write("addons/trial/tests/__init__.py", "from . import test_trial\n");
    stack.write("addons/trial/tests/test_trial.py", hostile());
    stack.write("addons/trial/data.txt", "changed");
    stack.commit("hostile");
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.match(output, /validation: upgrades trial from sha256:/);
    assert.equal(leftByGates(), "");
    const { gates } = JSON.parse(fs.readFileSync(path.join(stack.project, ".build/report/report.json"), "utf8")) as {
      gates: { gate: string; outcome: string; facts: Record<string, unknown> }[];
    };
    const facts = Object.fromEntries(gates.map(({ gate, facts: found }) => [gate, found]));
    assert.equal(facts["tests"]?.["tests"], 4);
    assert.equal(facts["tests"]?.["coverage"], 100);
    assert.deepEqual(facts["validation"]?.["upgraded"], ["trial"]);
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
    stack.config = usual;
    served = (await registry.digestOf("latest")) ?? "";
  });

  it("are not run twice for what passed them before the engine was killed", async () => {
    stack.write("addons/trial/__init__.py", `killed = "${process.pid}"\n`);
    stack.commit("killed");
    await stack.endedUpdate(/gates-image (created|replaced|updated)/, "SIGKILL");
    const { status, output } = await stack.recover();
    assert.equal(status, 0, output);
    assert.doesNotMatch(output, /gates-preflight (creat|replac|updat)/);
    assert.notEqual(await registry.digestOf("latest"), served);
  });

  describe("with a program in the place of each that passes at once", () => {
    const added = ["tests", "scan", "malware", "validation"];
    /** The stack's state before these gates were asked for. */
    let without: string;
    const state = async () => (await stack.pulumi("stack", "export")).output;
    const kept = async () => {
      const { deployment } = JSON.parse(await state()) as { deployment: { resources: { urn: string }[] } };
      return added.filter((gate) => deployment.resources.some(({ urn }) => urn.endsWith(`gates-${gate}`)));
    };
    const runs = () => {
      const file = path.join(stack.project, ".build", "runs");
      const names = fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split("\n") : [];
      fs.rmSync(file, { force: true });
      return names.sort();
    };

    before(async () => {
      without = await state();
      for (const gate of added) stack.config[`gates:${gate}`] = "required";
      stack.write("ops/gate.ts", passing);
    });

    for (const gate of ["tests", "malware", "validation"]) {
      it(`neither skip one nor run one again that the state has, after a kill at ${gate}`, async () => {
        await stack.restore(without);
        assert.deepEqual(await kept(), []);
        const killed = await stack.endedUpdate(new RegExp(`gates-${gate} created`), "SIGKILL");
        await stack.unlock();
        const done = await kept();
        if (done.length < added.length) assert.doesNotMatch(killed.output, /release-tags|served-tags/);
        runs();
        const { status, output } = await stack.up();
        assert.equal(status, 0, output);
        assert.deepEqual(runs(), added.filter((name) => !done.includes(name)).sort());
        const again = await stack.up("--expect-no-changes");
        assert.equal(again.status, 0, again.output);
        assert.deepEqual(runs(), []);
      });
    }
  });
});
