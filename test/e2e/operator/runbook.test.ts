import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { RunningServers } from "../../../sandbox/test/helpers/running-servers";
import { type CommandResult, killAfter, type TestStack } from "../../../sandbox/test/helpers/test-stack";
import { adoptedHost } from "../../support/adopted-host";
import type { PaperVps } from "../../support/paper-vps";
import { Runbook } from "../../support/runbook";
import { login, S3Server } from "../../support/s3-server";
import { findIn } from "../../support/secret-search";

interface Checkpoint {
  readonly checkpoint: { readonly latest: { resources: { type: string }[]; pending_operations?: object[] } };
}

/** Who holds a stack, as Pulumi says it. */
const held = /currently locked by 1 lock\(s\)[^]*created by \S+@\S+ \(pid \d+\) at /;

/** How a preview ends that would do nothing. */
const unchanged = /Resources:\s+\d+ unchanged/;

/**
 * Each block of commands that the page says are tried, as it stands there, on a state in files that is in the trouble
 * which the section is about. The host is an SSH server that does nothing: what becomes of data is shown elsewhere. A lost
 * host and a dead cluster are in lost-target.test.ts.
 */
describe("the commands of docs/FINAL_DEPLOYMENT_RUNBOOK.md, on the real engine", () => {
  const running = new RunningServers();
  const runbook = new Runbook();
  let host: PaperVps;
  let stack: TestStack;
  let digest: string;
  const state = () => path.join(stack.directory, "state");
  const file = () => path.join(state(), ".pulumi", "stacks", "odoo", "sandbox.json");
  const edit = (change: (latest: Checkpoint["checkpoint"]["latest"]) => void) => {
    const content = JSON.parse(fs.readFileSync(file(), "utf8")) as Checkpoint;
    change(content.checkpoint.latest);
    fs.writeFileSync(file(), JSON.stringify(content));
  };

  const type = (name: string, variables?: Record<string, string>) => runbook.type(stack, name, variables);
  async function isWell(): Promise<void> {
    const { status, output } = await stack.preview("--expect-no-changes");
    assert.equal(status, 0, output);
  }
  async function isNotWell(symptom: RegExp): Promise<void> {
    const { status, output } = await stack.preview();
    assert.notEqual(status, 0, output);
    assert.match(output, symptom);
  }

  before(async () => {
    ({ host, stack, digest } = await adoptedHost(running, "passphrase"));
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
  });
  after(async () => {
    stack?.remove();
    await host?.server.close();
    await running.remove();
  });

  it("take a copy of the state, with no secret in plain", async () => {
    await type("copy");
    const copy = fs.readFileSync(path.join(stack.project, "state.json"), "utf8");
    assert.match(copy, /"ciphertext"/);
    assert.doesNotMatch(copy, /dor_v1_/);
  });

  it("go on after an update that was killed, and that another one has met", async () => {
    stack.config["image:digest"] = await running.push("team/odoo", "v2");
    const answer = host.receive;
    host.receive = "never";
    let other: CommandResult | undefined;
    const killed = await stack.watchedUp(
      killAfter(/vps-odoo-release updating/, async () => void (other = await stack.up())),
    );
    host.receive = answer;
    assert.notEqual(killed.status, 0, killed.output);
    assert.notEqual(other?.status, 0);
    assert.match(other?.output ?? "", held);
    await type("killed");
    await isWell();
    stack.config["image:digest"] = digest;
  });

  it("go on with notes beside the state that were cut short, and a state that is whole", async () => {
    fs.writeFileSync(`${file()}.attrs`, "");
    await isNotWell(/failed to load checkpoint: EOF/);
    await type("cut-notes", { STATE: state() });
    await isWell();
  });

  it("go on with a state that was cut short", async () => {
    const text = fs.readFileSync(file(), "utf8");
    fs.writeFileSync(file(), text.slice(0, text.length / 2));
    await isNotWell(/checkpoint|unexpected end|EOF/i);
    await type("cut-short", { STATE: state() });
    await type("copy");
  });

  it("end what Pulumi does not know the outcome of", async () => {
    edit((latest) => {
      const urn = "urn:pulumi:sandbox::odoo::digitalocean:index/droplet:Droplet::unknown";
      const resource = { urn, custom: true, type: "digitalocean:index/droplet:Droplet", inputs: {} };
      latest.pending_operations = [{ resource, type: "creating" }];
    });
    const { output } = await stack.up();
    assert.match(output, /pending operation/i);
    await type("pending");
    const { checkpoint } = JSON.parse(fs.readFileSync(file(), "utf8")) as Checkpoint;
    assert.deepEqual(checkpoint.latest.pending_operations ?? [], []);
  });

  it("restore a state that somebody has edited", async () => {
    edit((latest) => {
      latest.resources = latest.resources.filter(({ type }) => !type.startsWith("pulumi:providers:"));
    });
    await isNotWell(/integrity|refers to|unknown provider/i);
    assert.match(await type("edited"), unchanged);
  });

  it("bring a lost state back from the copy", async () => {
    const folder = path.join(state(), ".pulumi", "stacks");
    fs.rmSync(folder, { recursive: true });
    await isNotWell(/no stack (named|selected)/);
    assert.match(await type("lost-state"), unchanged);
  });

  it("move the state to another backend", async () => {
    const other = path.join(stack.directory, "other");
    fs.mkdirSync(other);
    await type("moved", { NEW_BACKEND: `file://${other}` });
    assert.ok(fs.existsSync(path.join(other, ".pulumi", "stacks", "odoo", "sandbox.json")));
  });

  it("move it to a bucket, where it has no secret in plain, and one update at a time", async () => {
    const server = await S3Server.start();
    try {
      const secrets = {
        token: running.servers.token,
        key: host.user.privateKey.split("\n")[1] ?? "",
        passphrase: "planted-passphrase",
      };
      await type("moved", { NEW_BACKEND: server.backend, ...login });
      const before = {
        PULUMI_BACKEND_URL: `file://${state()}`,
        AWS_ACCESS_KEY_ID: undefined,
        AWS_SECRET_ACCESS_KEY: undefined,
      };
      const there = { PULUMI_BACKEND_URL: server.backend, ...login };
      for (const [name, value] of Object.entries(there)) stack.setVariable(name, value);
      stack.config["image:digest"] = await running.push("team/odoo", "v3");
      await stack.endedUpdate(/vps-odoo-release|release-tags/, "SIGKILL");
      const { status, output } = await stack.up();
      assert.notEqual(status, 0, output);
      assert.match(output, held);
      await type("killed");
      await isWell();
      const files = fs.readdirSync(server.directory, { recursive: true, encoding: "utf8" });
      const bucket = files
        .map((name) => path.join(server.directory, name))
        .filter((name) => fs.statSync(name).isFile())
        .map((name) => fs.readFileSync(name, "utf8"))
        .join("\n");
      assert.match(bucket, /"ciphertext"/);
      assert.deepEqual(findIn({ bucket }, secrets), { bucket: [] });
      stack.config["image:digest"] = digest;
      assert.equal((await stack.up()).status, 0);
      for (const [name, value] of Object.entries(before)) stack.setVariable(name, value);
    } finally {
      await server.stop();
    }
  });

  it("go on with another token when one has ended", async () => {
    stack.setVariable("DIGITALOCEAN_TOKEN", "planted-old-token");
    await isNotWell(/AUTH_FAILURE: DigitalOcean refuses the API token/);
    assert.match(await type("token", { NEW_TOKEN: running.servers.token }), unchanged);
    stack.setVariable("DIGITALOCEAN_TOKEN", running.servers.token);
  });

  it("take the host over when the passphrase is lost, and send it the same release", async () => {
    stack.setVariable("PULUMI_CONFIG_PASSPHRASE", undefined);
    await isNotWell(/passphrase must be set/);
    const output = await type("without-passphrase");
    for (const part of [digest, stack.config["vps:hostKey"], "127.0.0.1"])
      assert.ok(output.includes(String(part)), output);
    // As the page says: without the salt. This stack's file has no secrets.
    const stackFile = path.join(stack.project, "Pulumi.sandbox.yaml");
    fs.writeFileSync(stackFile, fs.readFileSync(stackFile, "utf8").replace(/^encryptionsalt:.*\n/m, ""));
    const before = host.live?.release;
    await type("new-passphrase", { NEW_PASSPHRASE: "planted-new-passphrase" });
    stack.setVariable("PULUMI_CONFIG_PASSPHRASE", "planted-new-passphrase");
    await type("take-over");
    await isWell();
    assert.deepEqual([host.live?.digest, host.live?.release], [digest, before]);
  });

  it("are all that the page says is tried", () => {
    assert.deepEqual(runbook.left, []);
  });
});
