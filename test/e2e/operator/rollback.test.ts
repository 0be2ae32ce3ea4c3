import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { stringify } from "yaml";

import { releaseTag, servedTag } from "../../../components/release/tags";
import { readToolPaths, sandboxEnvironment } from "../../../sandbox/environment";
import { RunningServers } from "../../../sandbox/test/helpers/running-servers";
import { type CommandResult, endOnce, killAfter, type TestStack } from "../../../sandbox/test/helpers/test-stack";
import { policyPack } from "../../../sandbox/tools/engine";
import { type AdoptedHost, adoptedHost } from "../../support/adopted-host";
import { pointOfOlder } from "../../support/made-up-stack";
import { login, S3Server } from "../../support/s3-server";

/** Who holds a stack, as Pulumi says it. */
const held = /currently locked by 1 lock\(s\)[^]*created by \S+@\S+ \(pid \d+\) at /;
const root = path.join(__dirname, "..", "..", "..");

/**
 * The host is a real SSH server that does nothing: what becomes of data is shown by the trials on a real one. The state
 * is in a bucket; environments.test.ts and runbook.test.ts have theirs in files.
 */
describe("releases, rollback and promotion, on the real engine with the state in S3", () => {
  const running = new RunningServers();
  let bucket: S3Server;
  let adopted: AdoptedHost;
  let host: AdoptedHost["host"];
  let stack: TestStack;
  let first: string;
  let second: string;

  before(async () => {
    bucket = await S3Server.start();
    adopted = await adoptedHost(running, "passphrase", { PULUMI_BACKEND_URL: bucket.backend, ...login });
    ({ host, stack, digest: first } = adopted);
    fs.cpSync(path.join(root, "retention"), path.join(stack.project, "retention"), { recursive: true });
    const search = sandboxEnvironment()["PATH"] ?? "";
    stack.setVariable("PATH", [bucket.folderWithAws(), search].join(path.delimiter));
    await running.push("team/odoo", "sha-0123456789ab-00000001", "layer of team/odoo:v1");
    second = await running.push("team/odoo", "sha-0123456789ab-00000002", "v2");
  });
  after(async () => {
    await adopted?.remove();
    await bucket?.stop();
  });

  const now = async () => [
    host.live?.digest,
    await adopted.registry.digestOf("latest"),
    stack.config["image:digest"],
    (await stack.outputs())["imageDigest"],
  ];
  /** What the host's worker would tell after the second release, which has changed these modules. */
  const tellOf = (changed: readonly string[]) => {
    const since = "2026-11-21T12:00:00Z";
    const noted = { since, left: null, door: null, added: [] };
    host.history = {
      live: { digest: second, since, restored: null },
      lineage: [first, second],
      installed: ["base", "sale"],
      problem: "",
      releases: [
        { ...noted, digest: second, before: first, changed: [] },
        { ...noted, digest: first, before: null, changed },
      ],
      points: [{ id: pointOfOlder, digest: first, at: since, bytes: 1, minutes: 5, rows: 7 }],
    };
  };
  const deploySecond = async () => {
    stack.config["image:digest"] = second;
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.deepEqual(await now(), [second, second, second, second]);
    tellOf([]);
  };
  const clearing = ["refresh", "--clear-pending-creates", "--yes", "--skip-preview", "--non-interactive"];
  const retention = () => stack.command("retention/main.ts", ["--stack", "sandbox"]);
  const rollback = (...args: string[]) => stack.command("releases/rollback.ts", args);

  it("say of a stack without an update that nothing was deployed, and list what the registry has", async () => {
    host.history = "nothing was deployed there yet";
    const { status, output } = await stack.command("releases/list.ts", []);
    assert.equal(status, 0, output);
    assert.match(output, /^not read {2}vps: nothing was deployed there yet$/m);
    assert.match(output, /sha-0123456789ab-00000002/);
    const refused = await rollback("--yes");
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /ROLLBACK_REFUSED: there is no earlier release/);
  });

  it("list the releases, what serves, and their points, as JSON", async () => {
    const up = await stack.up();
    assert.equal(up.status, 0, up.output);
    await deploySecond();
    const { status, output } = await stack.command("releases/list.ts", ["--json"]);
    assert.equal(status, 0, output);
    const { releases, notRead } = JSON.parse(output) as {
      releases: { digest: string; tags: string[]; serves: string[]; points: { id: string }[] }[];
      notRead: string[];
    };
    const shown = releases.map(({ digest, tags, serves, points }) => [
      digest,
      tags,
      serves,
      points.map(({ id }) => id),
    ]);
    assert.deepEqual(
      shown.sort(([, one], [, other]) => String(one).localeCompare(String(other))),
      [
        [first, ["sha-0123456789ab-00000001"], [], [pointOfOlder]],
        [second, ["sha-0123456789ab-00000002"], ["vps"], []],
      ],
    );
    assert.deepEqual(notRead, []);
  });

  it("ask a person, and do nothing where there is none and nobody said --yes", async () => {
    const { status, output } = await rollback();
    assert.notEqual(status, 0);
    assert.match(output, /^to +sha256:/m);
    assert.match(output, /ROLLBACK_REFUSED: nobody can be asked/);
    assert.deepEqual(await now(), [second, second, second, second]);
  });

  it("bring host, tag, the stack's file and its state back to the release before", async () => {
    const { status, output } = await rollback("--yes");
    assert.equal(status, 0, output);
    assert.deepEqual(await now(), [first, first, first, first]);
    assert.match(output, /commit it/);
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
  });

  it("are themselves rolled back, by the tag of the release that was left", async () => {
    const { status, output } = await rollback("--to", "sha-0123456789ab-00000002", "--yes");
    assert.equal(status, 0, output);
    assert.deepEqual(await now(), [second, second, second, second]);
  });

  it("across a change of the schema want a choice, and with the data name the point for that one update", async () => {
    tellOf(["sale"]);
    const refused = await rollback("--yes");
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /ROLLBACK_REFUSED[^]*--with-data: [^]*5 minutes[^]*--code-only: not possible/);
    assert.deepEqual(await now(), [second, second, second, second]);
    const { status, output } = await rollback("--with-data", "--yes");
    assert.equal(status, 0, output);
    assert.equal(host.requests.at(-1)?.request["restore"], pointOfOlder);
    assert.equal(stack.config["release:restore"], undefined);
    assert.deepEqual(await now(), [first, first, first, first]);
    const next = await stack.up();
    assert.equal(next.status, 0, next.output);
    assert.equal(host.requests.at(-1)?.request["restore"], undefined);
  });

  it("keep a second update away, and end with the same command after a kill in the middle", async () => {
    await deploySecond();
    const answer = host.receive;
    host.receive = "never";
    const asked = host.requests.length;
    let other: CommandResult | undefined;
    const beside = killAfter(/vps-odoo-release updating/, async () => {
      // Pulumi has noted by then what it is in the middle of.
      while (host.requests.length === asked) await delay(20);
      // What the stack's file says by then.
      stack.config["image:digest"] = first;
      other = await stack.up();
    });
    const killed = await stack.command("releases/rollback.ts", ["--yes"], beside);
    host.receive = answer;
    assert.notEqual(killed.status, 0);
    assert.equal(stack.config["image:digest"], first, killed.output);
    assert.notEqual(other?.status, 0);
    assert.match(other?.output ?? "", held);
    const locked = await retention();
    assert.match(locked.output, /RETENTION_REFUSED: a stack is being updated[^]*Pulumi's lock on sandbox/);
    await stack.unlock();
    const pending = await retention();
    assert.match(pending.output, /RETENTION_REFUSED: an update is under way, or was killed[^]*the state of sandbox/);
    const { status, output } = await rollback("--yes");
    assert.equal(status, 0, output);
    assert.deepEqual(await now(), [first, first, first, first]);
    const { status: cleared, output: told } = await stack.pulumi(...clearing);
    assert.equal(cleared, 0, told);
    const plan = await retention();
    assert.equal(plan.status, 0, plan.output);
    assert.match(plan.output, /team\/odoo: [1-9]\d* manifests with \d+ tags stay, 0 manifests/);
  });

  it("that fail end with Pulumi's status, and say how to go on and how to give up", async () => {
    await deploySecond();
    const error = { code: "RELEASE_MISMATCH", summary: "the data do not fit" };
    host.receive = { status: 1, stderr: "RELEASE_MISMATCH: the data do not fit\n" };
    host.statuses = [{ request: { state: "failed", error }, live: null }];
    const { status, output } = await rollback("--yes");
    host.receive = { status: 0, stdout: '{"request": "0123456789abcdef", "state": "queued"}\n' };
    host.statuses = [];
    assert.notEqual(status, 0);
    assert.match(output, /RELEASE_MISMATCH[^]*run the same command again[^]*pulumi config set image:digest sha256:/);
    assert.equal(await adopted.registry.digestOf("latest"), second);
    const again = await rollback("--yes");
    assert.equal(again.status, 0, again.output);
    assert.deepEqual(await now(), [first, first, first, first]);
  });

  it("keep the secrets of the settings to themselves, and what is encrypted in the stack's file as it is", async () => {
    const kept = { "vps:privateKey": host.user.privateKey };
    const encrypted = await stack.encrypted(kept);
    Object.assign(stack.config, encrypted);
    stack.setVariable("VPS_SSH_PRIVATE_KEY", undefined);
    tellOf([]);
    const outputs = [await stack.command("releases/list.ts", []), await rollback("--to", second, "--yes")];
    for (const { status, output } of outputs) {
      assert.equal(status, 0, output);
      assert.ok(!output.includes(host.user.privateKey.split("\n")[2] ?? ""));
      assert.ok(!output.includes(running.servers.token));
    }
    assert.ok(!stack.stackFile().includes("PRIVATE KEY"));
    assert.deepEqual(stack.config["vps:privateKey"], encrypted["vps:privateKey"]);
  });

  describe("with a staging stack of another passphrase", () => {
    const content = "c".repeat(64);
    const commit = "d".repeat(40);
    const promote = (...args: string[]) =>
      stack.command("releases/promote.ts", ["--from", "staging", "--to", "sandbox", ...args]);
    const served = async () => {
      const [runs, , ...named] = await now();
      return [runs, ...named, await adopted.registry.digestOf("stable")];
    };
    let candidate: string;
    let third: string;

    before(async () => {
      tellOf([]);
      third = await running.push("team/odoo", `candidate-${content}`, "third", {
        "org.opencontainers.image.revision": commit,
        "io.odoo.content-hash": content,
      });
      candidate = await running.push("team/odoo", `candidate-${"e".repeat(64)}`, "not released");
      await adopted.registry.tag(third, releaseTag(commit, content));
      const { "registry:ownership": ownership, ...config } = stack.config;
      const own = Object.entries(config).filter(([key]) => !key.startsWith("vps:"));
      const staging = { ...Object.fromEntries(own), "registry:ownership": ownership, "image:digest": third };
      stack.write("Pulumi.staging.yaml", stringify({ config: staging }));
      stack.setVariable("PULUMI_CONFIG_PASSPHRASE", "another-passphrase");
      for (const args of [
        ["stack", "init"],
        ["up", "--yes", "--skip-preview"],
      ]) {
        const { status, output } = await stack.pulumi(...args, ...(args[0] === "up" ? ["--stack"] : []), "staging");
        assert.equal(status, 0, output);
      }
      stack.setVariable("PULUMI_CONFIG_PASSPHRASE", "planted-passphrase");
      stack.config = { ...stack.config, "odoo:environment": "production", "image:digest": second };
    });

    it("production takes no candidate, whichever way it is named", async () => {
      const refused = await promote("--to-digest", candidate, "--yes");
      assert.notEqual(refused.status, 0);
      assert.match(refused.output, /PROMOTION_REFUSED: production runs releases alone/);
      assert.equal(stack.config["image:digest"], second);
      stack.config["image:digest"] = candidate;
      const { status, output } = await stack.up();
      stack.config["image:digest"] = second;
      assert.notEqual(status, 0);
      assert.match(output, /PROMOTION_REFUSED: production runs releases alone/);
      assert.equal(host.live?.digest, second);
    });

    it("asks a person, and takes no release that staging never ran", async () => {
      const asked = await promote();
      assert.match(asked.output, /^released {2}staging runs it$[^]*PROMOTION_REFUSED: nobody can be asked/m);
      const { output } = await promote("--to-digest", first, "--yes");
      assert.match(output, /PROMOTION_REFUSED: staging has never run this release/);
      assert.equal(stack.config["image:digest"], second);
    });

    it("production takes what staging runs, also after a kill in the middle", async () => {
      const killed = await stack.command(
        "releases/promote.ts",
        ["--from", "staging", "--to", "sandbox", "--yes"],
        endOnce(/vps-odoo-release updating/, "SIGKILL"),
      );
      assert.notEqual(killed.status, 0);
      assert.equal(stack.config["image:digest"], third, killed.output);
      await stack.unlock();
      stack.setVariable("POLICY_PACK", policyPack(readToolPaths().languageHost));
      const { status, output } = await promote("--yes");
      stack.setVariable("POLICY_PACK", "off");
      assert.equal(status, 0, output);
      assert.match(output, /odoo-ship@v0\.1\.0/);
      assert.deepEqual(await served(), [third, third, third, third]);
      assert.match(output, /commit it/);
      assert.ok(!output.includes("another-passphrase") && !output.includes(running.servers.token));
    });

    it("production goes back to an earlier release, and is promoted again to what staging has run", async () => {
      const back = await rollback("--to", second, "--yes");
      assert.equal(back.status, 0, back.output);
      await adopted.registry.tag(third, servedTag(content));
      const { status, output } = await promote("--to-digest", releaseTag(commit, content), "--yes");
      assert.equal(status, 0, output);
      assert.deepEqual(await served(), [third, third, third, third]);
    });

    it("the look for drift finds none then, and tells a digest that is not committed", async () => {
      stack.setVariable("PRODUCTION_STACK", "sandbox");
      const drift = () => stack.command(path.join(root, "scripts", "drift.ts"), []);
      const none = await drift();
      assert.equal(none.status, 0, none.output);
      stack.config["image:digest"] = second;
      const { status, output } = await drift();
      assert.equal(status, 1, output);
      assert.match(output, /^Pulumi\.sandbox\.yaml names sha256:[0-9a-f]{12}, and sha256:[0-9a-f]{12} runs: commit/m);
      assert.equal(stack.config["image:digest"], second);
    });
  });
});
