import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { TargetHistory } from "../../../components/odoo/history";
import { releaseTag } from "../../../components/release/tags";
import { readToolPaths, sandboxVariables } from "../../../sandbox/environment";
import { RunningServers } from "../../../sandbox/test/helpers/running-servers";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { ensureGateTool, gateToolPath } from "../../../sandbox/tools/gate-tools";
import { PaperVps } from "../../support/paper-vps";
import { itWhole, sample } from "../../support/sample";
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
 * Nor is that of the security rebuild, which is `staging` with a build.
 */
describe("the steps of the workflows", () => {
  const repository = fs.mkdtempSync(path.join(os.tmpdir(), "repository-"));
  const running = new RunningServers();
  const host = new PaperVps();
  const production = new PaperVps(host.user);
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
    await Promise.all([running.start(), host.server.start(), production.server.start()]);
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
    await Promise.all([host.server.close(), production.server.close(), running.remove()]);
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
  itWhole("`checks` of a fork's pull request: lint, types, workflows and addons", async () => {
    // In the place of actionlint's release at GitHub; both are found on the PATH and left as they are.
    for (const tool of ["actionlint", "zizmor"] as const) await ensureGateTool(tool, () => undefined);
    const tools = await Promise.all((["actionlint", "zizmor"] as const).map(gateToolPath));
    const mounts = [...new Set(tools.flatMap((tool) => [tool, fs.realpathSync(tool)]))];
    const programs = tools.map((tool) => path.dirname(tool));
    const printed = passed(
      await run(workflow("odoo-ci.yml"), "checks", events["a fork's pull request"], { mounts, programs }),
    );
    assert.match(printed.at(-1) ?? "", /release_info/);
  });

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

  /** Pushes a release, which has been a candidate; answers its digest. */
  const push = async (letter: string) => {
    const [revision, content] = [letter.repeat(40), letter.repeat(64)];
    const labels = { "org.opencontainers.image.revision": revision, "io.odoo.content-hash": content };
    await running.push(image, releaseTag(revision, content), `layer ${letter}`, labels);
    return running.push(image, `candidate-${content}`, `layer ${letter}`, labels);
  };
  /** Names the host of a stack in its file, and commits that. */
  const fillIn = async (name: "staging" | "prod", { server: { port, hostKey } }: PaperVps, settings = {}) => {
    const own = { "vps:mode": "adopt", "vps:host": "127.0.0.1", "vps:port": String(port), "vps:user": "ops" };
    await setInFile(stack, name, { ...own, "vps:hostKey": hostKey, ...settings });
    git("checkout", "--quiet", "main");
    for (const file of [`Pulumi.${name}.yaml`, "images/vps-images.json"])
      fs.copyFileSync(path.join(stack.project, file), path.join(repository, file));
    commit(`Fill in ${name}`);
  };

  const withoutCosign = { "npm run gates:tools -- cosign": "a release at GitHub, and nothing is signed here" };

  it("`staging` after a push to main deploys a release, with the program's own packages alone", async () => {
    const [older, digest] = [await push("a"), await push("b")];
    await fillIn("staging", host, { "image:digest": digest });
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
    const [since, before] = ["2026-11-21T12:00:00Z", "2026-11-20T12:00:00Z"];
    const noted = { door: null, changed: [], added: [] };
    host.history = {
      live: { digest, since, restored: null },
      lineage: [older, digest],
      installed: ["base"],
      problem: "",
      releases: [
        { ...noted, digest, since, left: null, before: older },
        { ...noted, digest: older, since: before, left: since, before: null },
      ],
      points: [],
    } satisfies TargetHistory;
    assert.deepEqual(findIn({ printed: printed.join("\n") }, secrets), { printed: [] });
  });

  it("`stack` of an own pull request: what it changes of what staging runs", async () => {
    const own = events["a pull request of the own repository"];
    pull("Pulumi.staging.yaml", (text) => text.replace("vps:domain: staging.acme.io", "vps:domain: trial.acme.io"));
    const ended = await run(workflow("preview.yml"), "stack", own, { ...withPulumi(), skipped: withoutCosign });
    const printed = passed(ended, Object.keys(withoutCosign));
    assert.match(printed.at(-1) ?? "", /trial\.acme\.io/);
    assert.deepEqual(findIn({ printed: printed.join("\n") }, secrets), { printed: [] });
  });

  /** Runs the job of a form that somebody has filled in. */
  const byHand = async (job: "promote" | "rollback", typed: Values): Promise<string> => {
    const event = { ...events["somebody's hand"], ...typed };
    const ended = await run(workflow(`${job}.yml`), job, event, { ...withPulumi(), skipped: withoutCosign });
    const printed = passed(ended, Object.keys(withoutCosign));
    assert.deepEqual(findIn({ printed: printed.join("\n") }, secrets), { printed: [] });
    return printed.at(-1) ?? "";
  };

  itWhole("`promote` brings production to what staging runs", async () => {
    await fillIn("prod", production);
    const said = await byHand("promote", { "vars.PRODUCTION_STACK": "prod", "inputs.digest": "" });
    assert.ok(host.live !== null && production.live?.digest === host.live.digest, said);
    // What comes next is of staging alone.
    git("checkout", "--quiet", "HEAD~1", "--", "Pulumi.prod.yaml");
    commit("Take production out");
  });

  const daily = {
    "retention.yml plan": /acme\/odoo: 2 manifests with \d tags stay/,
    "drift.yml drift": /staging is as its stack says/,
  } as const;
  const names = Object.keys(daily) as (keyof typeof daily)[];
  for (const row of sample(names, [])) {
    it(`\`${row}\`, which the clock starts`, async () => {
      const [file = "", job = ""] = row.split(" ");
      const ended = await run(workflow(file), job, events["the time of day"], {
        ...withPulumi(),
        skipped: withoutCosign,
      });
      const printed = passed(ended, Object.keys(withoutCosign));
      assert.match(printed.at(-1) ?? "", daily[row]);
      assert.deepEqual(findIn({ printed: printed.join("\n") }, secrets), { printed: [] });
    });
  }

  it("`rollback` brings staging back to the release that somebody has typed", async () => {
    const [, to = ""] = (host.history as TargetHistory).releases.map(({ digest }) => digest);
    assert.notEqual(host.live?.digest, to);
    const typed = { "inputs.stack": "staging", "inputs.to": ` ${to} `, "inputs.way": "same data, if they fit" };
    const said = await byHand("rollback", typed);
    assert.equal(host.live?.digest, to);
    assert.ok(said.includes(`${to} serves`), said);
  });
});

/** What a script of the sandbox's in the place of the language host starts. */
function hostBehind(languageHost: string): string[] {
  const text = fs.readFileSync(languageHost, "latin1");
  return text.startsWith("#!/bin/sh") ? [/^exec '([^']+)'/m.exec(text)?.[1] ?? ""] : [];
}
