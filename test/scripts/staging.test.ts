import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { epochsIn, forgotEpochs, latestEpoch, newEpoch } from "../../scripts/staging";
import { eventsOf, urns } from "../support/update-events";

const root = path.join(__dirname, "..", "..");

/** A state as `pulumi stack export` prints it. */
const state = (...epochs: string[]) =>
  JSON.stringify({
    version: 3,
    deployment: {
      resources: [
        { type: "pulumi:pulumi:Stack" },
        { type: "docker:index/image:Image", inputs: { build: { args: { BASE: "caddy" } } } },
        ...epochs.map((EPOCH) => ({ type: "docker:index/image:Image", inputs: { build: { args: { EPOCH } } } })),
      ],
    },
  });

describe("The epoch of staging's image", () => {
  it("is told by the state", () => {
    assert.deepEqual(epochsIn(state("2026-11-29.0200", "1")), ["2026-11-29.0200", "1"]);
    assert.deepEqual(epochsIn(state()), []);
    assert.deepEqual(epochsIn(JSON.stringify({ version: 3, deployment: {} })), []);
  });

  it("is the latest one", () => {
    assert.equal(latestEpoch(["1", "2026-11-29.0200", "2026-11-22.0200"]), "2026-11-29.0200");
    assert.equal(latestEpoch(["", "2026-12-01"]), "2026-12-01");
    assert.equal(latestEpoch([]), "1");
  });

  it("is forgotten by a state that was rolled back, and by no other", () => {
    const outputs = { imageDigest: `sha256:${"a".repeat(64)}` };
    const rolledBack = JSON.stringify({
      version: 3,
      deployment: { resources: [{ type: "pulumi:pulumi:Stack", outputs }] },
    });
    assert.equal(forgotEpochs(rolledBack), true);
    const built = JSON.parse(state("1")) as { deployment: { resources: object[] } };
    built.deployment.resources[0] = { type: "pulumi:pulumi:Stack", outputs };
    assert.equal(forgotEpochs(JSON.stringify(built)), false);
    assert.equal(forgotEpochs(state()), false);
  });

  it("is later than all before it when it is new, and a word that the setting takes", () => {
    const epoch = newEpoch(new Date("2026-11-29T02:00:59Z"));
    assert.equal(epoch, "2026-11-29.0200");
    assert.equal(latestEpoch([epoch, newEpoch(new Date("2026-11-29T01:59:00Z")), "1"]), epoch);
    assert.match(epoch, /^[\w.-]+$/);
  });
});

describe("An update of staging", () => {
  let home: string;
  beforeEach(() => (home = fs.mkdtempSync(path.join(os.tmpdir(), "staging-"))));
  afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

  /** Runs the script with a Pulumi that notes how it is called, with which of these variables, and prints a state. */
  const update = async (pulumi: string, env: Record<string, string> = {}, ...args: string[]) => {
    const note = `echo "$* token=\${DIGITALOCEAN_TOKEN-none} phrase=\${PULUMI_CONFIG_PASSPHRASE-none}" >> ${home}/calls`;
    fs.writeFileSync(path.join(home, "pulumi"), `#!/bin/sh\n${note}\n${pulumi}\n`, { mode: 0o755 });
    const script = ["--import", "tsx", path.join(root, "scripts", "staging.ts"), ...args];
    const child = spawn(process.execPath, script, { cwd: root, env: { PATH: `${home}:/usr/bin:/bin`, ...env } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)));
    const status = await new Promise((done) => child.on("close", done));
    const calls = path.join(home, "calls");
    return { status, output, calls: fs.existsSync(calls) ? fs.readFileSync(calls, "utf8").trim().split("\n") : [] };
  };
  /** Leaves a file when a program that listens to SIGINT hears it: what comes after is another turn of its loop. */
  const hearsSigint = (file: string) => `process.on("newListener", function listens(event) {
    if (event !== "SIGINT") return;
    process.off("newListener", listens);
    process.on(event, () => require("node:fs").writeFileSync(${JSON.stringify(file)}, ""));
  });`;
  const exports = (text: string, then = "exit 0") => `if [ "$1" = stack ]; then echo '${text}'; else ${then}; fi`;

  it("keeps the epoch of the last rebuild, and leaves out variables that are empty", async () => {
    const empty = { DIGITALOCEAN_TOKEN: "t", PULUMI_CONFIG_PASSPHRASE: "", PULUMI_STACK: "" };
    const { status, calls } = await update(exports(state("2026-11-29.0200")), empty);
    assert.equal(status, 0);
    assert.deepEqual(
      calls.map((call) => call.replace(/--event-log \S+/, "--event-log …")),
      [
        "stack export --stack staging token=t phrase=none",
        "up --stack staging --yes --non-interactive --config image:epoch=2026-11-29.0200 " +
          `--policy-pack ${path.join(root, "policy")} --event-log … token=t phrase=none`,
      ],
    );
  });

  it("raises it for a rebuild alone, and knows a stack of a company", async () => {
    const begun = newEpoch(new Date());
    const { calls } = await update(exports(state("2026-11-01.0200")), { PULUMI_STACK: "company/staging" }, "--rebuild");
    const [, stack, epoch = ""] = /^up --stack (\S+) .*image:epoch=(\S+)/.exec(calls[1] ?? "") ?? [];
    assert.equal(stack, "company/staging");
    assert.ok(epoch >= begun && epoch <= newEpoch(new Date()), epoch);
  });

  it("keeps the rules of another pack, and says it where it keeps none", async () => {
    const other = await update(exports(state("1")), { POLICY_PACK: "/srv/rules" });
    assert.match(other.calls[1] ?? "", /--policy-pack \/srv\/rules /);
    fs.rmSync(path.join(home, "calls"));
    const none = await update(exports(state("1")), { POLICY_PACK: "off" });
    assert.ok(!none.calls.join().includes("--policy-pack"), none.calls.join());
    assert.match(none.output, /policy: not checked/);
  });

  it("ends as Pulumi does", async () => {
    assert.equal((await update(exports(state("1"), "exit 7"))).status, 7);
  });

  it("that fails asks who is to be told, unless somebody has given it up", async () => {
    const events = path.join(home, "events");
    fs.writeFileSync(events, eventsOf({ urn: urns.deployment, message: "DEPLOY_FAILED: it did not start" }));
    const fails = `for log; do :; done; if [ "$1" = up ]; then cp ${events} "$log"; exit 7; else echo '{}'; fi`;
    const failed = await update(exports(state("1"), fails));
    assert.equal(failed.calls[2]?.split(" token")[0], "config --json --show-secrets --stack staging --non-interactive");
    assert.match(failed.output, /warning: nobody was told of the failure: SETTINGS_INVALID: /);
    fs.rmSync(path.join(home, "calls"));
    // A signal may be heard after the end of who sent it: this Pulumi ends once it was, or after a minute.
    const [hears, heard] = [path.join(home, "hears.cjs"), path.join(home, "heard")];
    fs.writeFileSync(hears, hearsSigint(heard));
    const waits = `for i in $(seq 600); do [ -e ${heard} ] && break; sleep 0.1; done`;
    const interrupts = exports(state("1"), `kill -INT $PPID; ${waits}; ${fails}`);
    const givenUp = await update(interrupts, { NODE_OPTIONS: `--require ${hears}` });
    assert.ok(fs.existsSync(heard), "the script has not heard of the Ctrl-C");
    assert.deepEqual([failed.status, givenUp.status, givenUp.calls.length], [7, 7, 2]);
  });

  it("changes nothing where the state cannot be read", async () => {
    const { status, output, calls } = await update("echo 'error: no stack named staging' >&2; exit 255");
    assert.equal(status, 1);
    assert.match(output, /^SETTINGS_INVALID: [^]*no stack named staging[^]*remedy:.*docs\/ci\.md/);
    assert.equal(calls.length, 1);
  });

  it("is no update of production, which gets its image by a promotion", async () => {
    for (const PULUMI_STACK of ["prod", "company/odoo/prod"]) {
      const { status, output, calls } = await update(exports(state("1")), { PULUMI_STACK }, "--rebuild");
      assert.equal(status, 1);
      assert.match(output, /^SETTINGS_INVALID: [^]*nothing was changed[^]*npm run promote/);
      assert.ok(output.includes(`PULUMI_STACK names ${PULUMI_STACK}, `), output);
      assert.deepEqual(calls, []);
    }
  });

  it("says that Pulumi is missing", async () => {
    const script = path.join(root, "scripts", "staging.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script], { cwd: root, env: { PATH: "/nowhere" } });
    let output = "";
    child.stderr.on("data", (data) => (output += String(data)));
    assert.equal(await new Promise((done) => child.on("close", done)), 1);
    assert.match(output, /^TOOL_MISSING: /);
  });
});

describe("The summary of a step", () => {
  it("is the report, or says that there is none", async () => {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "summary-"));
    try {
      fs.mkdirSync(path.join(home, "scripts"));
      fs.copyFileSync(path.join(root, "scripts/report-summary.mjs"), path.join(home, "scripts/report-summary.mjs"));
      const summary = path.join(home, "summary");
      const run = (env: Record<string, string>) =>
        new Promise<string>((done) => {
          const child = spawn(process.execPath, [path.join(home, "scripts/report-summary.mjs")], { env });
          let output = "";
          child.stdout.on("data", (data) => (output += String(data)));
          child.on("close", () => done(output));
        });
      assert.match(await run({}), /^There is no report of the gates/);
      fs.mkdirSync(path.join(home, ".build", "report"), { recursive: true });
      fs.writeFileSync(path.join(home, ".build", "report", "report.md"), "## Gates of staging: passed\n");
      assert.equal(await run({}), "## Gates of staging: passed\n");
      fs.writeFileSync(summary, "before\n");
      assert.equal(await run({ GITHUB_STEP_SUMMARY: summary }), "");
      assert.equal(fs.readFileSync(summary, "utf8"), "before\n## Gates of staging: passed\n");
    } finally {
      fs.rmSync(home, { recursive: true });
    }
  });
});
