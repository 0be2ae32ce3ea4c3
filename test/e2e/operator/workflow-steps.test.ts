import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { TargetHistory } from "../../../components/odoo/history";
import { readToolPaths, sandboxVariables } from "../../../sandbox/environment";
import { RunningServers } from "../../../sandbox/test/helpers/running-servers";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { ensureGateTool, gateToolPath } from "../../../sandbox/tools/gate-tools";
import { PaperVps } from "../../support/paper-vps";
import { sample } from "../../support/sample";
import { findIn } from "../../support/secret-search";
import { setInFile, teamStacks } from "../../support/team-stacks";
import { events, jobsFor, type Values } from "../../support/workflow";
import { type Ended, type Machine, runJob } from "../../support/workflow-runner";

const root = path.join(__dirname, "..", "..", "..");
const workflow = (file: string) => fs.readFileSync(path.join(root, ".github", "workflows", file), "utf8");
const image = "acme/odoo";

/**
 * Jobs from their first step to their last one, each in a container that has only what its steps bring. The jobs
 * `tests` and `image` are not among them: the first one is `npm test`, which any fresh clone runs; the second one
 * builds on an image that not every network lets through, and `image/typed` builds the same Dockerfile on another one.
 */
describe("the steps of the workflows", () => {
  const repository = fs.mkdtempSync(path.join(os.tmpdir(), "repository-"));
  const running = new RunningServers();
  const host = new PaperVps();
  let stack: TestStack;
  let secrets: Record<string, string>;
  let values: Values;

  const git = (...words: string[]) =>
    execFileSync("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@example.com", ...words], {
      encoding: "utf8",
    });
  /** Commits what has been written, on the branch that is checked out. */
  const commit = (message: string) => git("commit", "--quiet", "--all", "--message", message);
  /** Makes a pull request that changes one file. */
  const pull = (file: string, change: (text: string) => string) => {
    git("checkout", "--quiet", "--detach", "main");
    const at = path.join(repository, file);
    fs.writeFileSync(at, change(fs.readFileSync(at, "utf8")));
    commit(`Change ${file}`);
    git("update-ref", "refs/pull/1/merge", "HEAD");
  };

  before(async () => {
    execFileSync("git", ["clone", "--quiet", root, repository]);
    git("checkout", "--quiet", "-B", "main");
    pull("addons/release_info/__manifest__.py", (text) => text.replace('"version": "1.0.0"', '"version": "1.0.1"'));
    await Promise.all([running.start(), host.server.start()]);
    stack = await teamStacks(running, host.user.privateKey);
    secrets = {
      ...{ DIGITALOCEAN_TOKEN: running.servers.token, PULUMI_CONFIG_PASSPHRASE: "planted-passphrase" },
      VPS_SSH_PRIVATE_KEY: host.user.privateKey,
    };
    const unset = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GHCR_TOKEN", "PULUMI_ACCESS_TOKEN"];
    unset.push("REGISTRY_PASSWORD", "REGISTRY_PULL_PASSWORD");
    values = {
      ...Object.fromEntries(unset.map((name) => [`secrets.${name}`, ""])),
      ...Object.fromEntries(Object.entries(secrets).map(([name, value]) => [`secrets.${name}`, value])),
      "vars.PULUMI_BACKEND_URL": `file://${path.join(stack.directory, "state")}`,
      "vars.PULUMI_STACK": "staging",
      // The one stack that is deployed here.
      "vars.PRODUCTION_STACK": "staging",
      // Without it an issue is printed.
      "github.token": "",
    };
  });
  after(async () => {
    stack?.remove();
    await Promise.all([host.server.close(), running.remove()]);
    fs.rmSync(repository, { recursive: true });
  });

  /** Runs a job, which an event has to start. */
  const run = (text: string, job: string, event: Values, machine: Partial<Machine> = {}) => {
    const { [job]: steps } = jobsFor(text, { ...values, ...event });
    assert.ok(steps, `${job} runs`);
    return runJob(steps, event, { repository, ...machine });
  };
  /** Answers what the steps have printed, in their order; those named are skipped. */
  const passed = (ended: readonly Ended[], skipped: readonly string[] = []) => {
    const others = ended.filter(({ name, status }) => status !== (skipped.includes(name) ? "skipped" : "passed"));
    assert.deepEqual(others, [], others.map(({ output }) => output).join("\n"));
    return ended.map(({ output }) => output);
  };
  /** With Pulumi, its plugins and the servers: the sandbox's. */
  const withPulumi = (): Partial<Machine> => {
    const { engine, languageHost } = readToolPaths();
    const { PULUMI_HOME: home = "", ...others } = sandboxVariables();
    const known = ["PULUMI_SKIP_UPDATE_CHECK", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"];
    return {
      onHost: true,
      pulumi: [engine, languageHost].map((program) => path.dirname(program)),
      mounts: [engine, languageHost, ...hostBehind(languageHost)],
      writable: [home, path.join(stack.directory, "state")],
      env: {
        ...Object.fromEntries(Object.entries(others).filter(([name]) => known.includes(name))),
        PULUMI_HOME: home,
        DIGITALOCEAN_API_URL: running.servers.apiUrl,
        // Rules are kept by a language host that not every machine has: test/engine/policy.test.ts.
        POLICY_PACK: "off",
      },
    };
  };

  // Two minutes of a processor for what `npm test` does first.
  for (const job of sample(["checks"], [])) {
    it(`\`${job}\` of a fork's pull request: lint, types, workflows and addons`, async () => {
      // In the place of actionlint's release at GitHub; both are found on the PATH and left as they are.
      for (const tool of ["actionlint", "zizmor"] as const) await ensureGateTool(tool, () => undefined);
      const tools = await Promise.all((["actionlint", "zizmor"] as const).map(gateToolPath));
      const mounts = [...new Set(tools.flatMap((tool) => [tool, fs.realpathSync(tool)]))];
      const programs = tools.map((tool) => path.dirname(tool));
      const printed = passed(
        await run(workflow("odoo-ci.yml"), job, events["a fork's pull request"], { mounts, programs }),
      );
      assert.match(printed.at(-1) ?? "", /release_info/);
    });
  }

  it("`changes` of a fork's pull request: its preview by Git alone", async () => {
    const printed = passed(await run(workflow("preview.yml"), "changes", events["a fork's pull request"]));
    assert.match(printed.at(-1) ?? "", /^### Preview by Git alone\n[^]*release_info/);
  });

  it("end with the first one that lacks what no step has brought", async () => {
    const good = workflow("preview.yml");
    const bad = good.replace("      - run: npm run setup:program\n", "");
    assert.notEqual(bad, good);
    const ended = await run(bad, "changes", events["a fork's pull request"]);
    assert.deepEqual(
      ended.map(({ status }) => status),
      ["passed", "passed", "failed", "skipped"],
    );
    assert.match(ended[2]?.output ?? "", /tsx: not found/);
  });

  it("`staging` after a push to main deploys a release, with the program's own packages alone", async () => {
    const digest = await running.push(image, `candidate-${"a".repeat(64)}`, "a layer", {
      "org.opencontainers.image.revision": "b".repeat(40),
      "io.odoo.content-hash": "a".repeat(64),
    });
    const { port, hostKey } = host.server;
    const own = { "vps:mode": "adopt", "vps:host": "127.0.0.1", "vps:port": String(port), "vps:user": "ops" };
    await setInFile(stack, "staging", { ...own, "vps:hostKey": hostKey, "image:digest": digest });
    git("checkout", "--quiet", "main");
    for (const file of ["Pulumi.staging.yaml", "images/vps-images.json"])
      fs.copyFileSync(path.join(stack.project, file), path.join(repository, file));
    commit("Fill in staging");
    const skipped = {
      "npm run gates:clamav":
        "signatures of its makers, which not every network lets through, and no image is scanned here",
      "npm run gates:tools": "releases at GitHub: sandbox/test/e2e/gate-tools.test.ts has the tools",
    };
    const printed = passed(
      await run(workflow("odoo-ci.yml"), "staging", events["a push to main"], { ...withPulumi(), skipped }),
      Object.keys(skipped),
    );
    assert.equal(host.live?.digest, digest);
    const since = "2026-11-21T12:00:00Z";
    host.history = {
      live: { digest, since, restored: null },
      lineage: [digest],
      installed: ["base"],
      problem: "",
      releases: [{ digest, since, left: null, door: null, before: null, changed: [], added: [] }],
      points: [],
    } satisfies TargetHistory;
    assert.deepEqual(findIn({ printed: printed.join("\n") }, secrets), { printed: [] });
  });

  it("`stack` of an own pull request: what it changes of what staging runs", async () => {
    const own = events["a pull request of the own repository"];
    pull("Pulumi.staging.yaml", (text) => text.replace("vps:domain: staging.acme.io", "vps:domain: trial.acme.io"));
    const printed = passed(await run(workflow("preview.yml"), "stack", own, withPulumi()));
    assert.match(printed.at(-1) ?? "", /trial\.acme\.io/);
    assert.deepEqual(findIn({ printed: printed.join("\n") }, secrets), { printed: [] });
  });

  const daily = {
    "retention.yml plan": /acme\/odoo: 1 manifests with \d tags stay/,
    "drift.yml drift": /staging is as its stack says/,
  } as const;
  const names = Object.keys(daily) as (keyof typeof daily)[];
  for (const row of sample(names, [])) {
    it(`\`${row}\`, which the clock starts`, async () => {
      const [file = "", job = ""] = row.split(" ");
      const skipped = { "npm run gates:tools -- cosign": "a release at GitHub, and nothing is signed here" };
      const ended = await run(workflow(file), job, events["the time of day"], { ...withPulumi(), skipped });
      const printed = passed(ended, Object.keys(skipped));
      assert.match(printed.at(-1) ?? "", daily[row]);
      assert.deepEqual(findIn({ printed: printed.join("\n") }, secrets), { printed: [] });
    });
  }
});

/** What a script of the sandbox's in the place of the language host starts. */
function hostBehind(languageHost: string): string[] {
  const text = fs.readFileSync(languageHost, "latin1");
  return text.startsWith("#!/bin/sh") ? [/^exec '([^']+)'/m.exec(text)?.[1] ?? ""] : [];
}
