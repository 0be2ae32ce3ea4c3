import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { RegistryClient } from "../../components/registry/client";
import { Secret } from "../../components/shared/secret";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { undocumented } from "../support/documented-secrets";
import { TestStack } from "../../sandbox/test/helpers/test-stack";

describe("an update with image:digest, on the real engine", () => {
  const running = new RunningServers();
  let stack: TestStack;
  let digest: string;
  const registry = () =>
    new RegistryClient(`${running.servers.registryAddress}/team/odoo`, {
      username: "push",
      password: new Secret(running.servers.push.password),
    });
  const changingCalls = () =>
    running.servers.api.log.list().filter((line) => !["GET", "HEAD"].includes(line.method)).length;

  before(async () => {
    await running.start();
    await running.createRegistry();
    digest = await running.push("team/odoo", "v1");
    stack = new TestStack(running.servers, { "registry:ownership": "adopt", "image:digest": digest });
    await stack.init("vault");
  });
  after(async () => {
    stack.remove();
    await running.remove();
  });
  afterEach(() => running.servers.api.faults.clear());

  it("changes nothing in a preview", async () => {
    const before = changingCalls();
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    assert.equal(changingCalls(), before);
    assert.equal(await registry().digestOf("latest"), undefined);
  });

  it("publishes the digest and moves the tag", async () => {
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const { imageDigest, imageReference, releases, releaseReport } = await stack.outputs();
    assert.deepEqual(releases, [{ digest, commit: "", tags: ["latest"], targets: [] }]);
    assert.equal(releaseReport, "");
    assert.equal(imageDigest, digest);
    assert.equal(imageReference, `${running.servers.registryAddress}/team/odoo@${digest}`);
    assert.equal(await registry().digestOf("latest"), digest);
  });

  it("notes lines of the sources beside resources", async () => {
    const { output } = await stack.pulumi("stack", "export");
    const positions = [...output.matchAll(/"sourcePosition": "project:\/\/\/([a-z][^#"]*)#(\d+),/g)].map(
      ([, file = "", line]) => [file, Number(line)],
    );
    assert.ok(positions.some(([file]) => file === "index.ts"));
    assert.ok(positions.some(([file]) => file === "components/registry/image-registry.ts"));
    for (const [file, line] of positions as [string, number][]) {
      assert.ok(line <= fs.readFileSync(path.join(stack.project, file), "utf8").split("\n").length, `${file}:${line}`);
    }
  });

  it("changes nothing when run again", async () => {
    const before = changingCalls();
    const { status, output } = await stack.up("--expect-no-changes");
    assert.equal(status, 0, output);
    assert.equal(changingCalls(), before);
  });

  it("puts a tag back that was moved by hand", async () => {
    const other = await running.push("team/odoo", "latest", "something else");
    assert.equal(await registry().digestOf("latest"), other);
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal(await registry().digestOf("latest"), digest);
  });

  it("refuses a digest that the registry does not have, before anything is touched", async () => {
    const missing = `sha256:${"0".repeat(64)}`;
    const config = stack.config;
    stack.config = { ...config, "image:digest": missing };
    const { imageDigest } = await stack.outputs();
    const { status, output } = await stack.up();
    stack.config = config;
    assert.notEqual(status, 0);
    assert.match(output, /IMAGE_NOT_FOUND: the image to deploy is not in the registry/);
    assert.match(output, /remedy:/);
    assert.equal(await registry().digestOf("latest"), digest);
    assert.equal(imageDigest, digest);
    assert.equal((await stack.outputs())["imageDigest"], digest);
  });

  it("lives through an API and a registry that are busy or broken for a while", async () => {
    running.servers.api.faults.add({ what: "api-429", times: 2, seconds: 0 });
    running.servers.api.faults.add({ what: "api-500", times: 2 });
    running.servers.api.faults.add({ what: "registry-429", times: 1, seconds: 0 });
    running.servers.api.faults.add({ what: "registry-500", times: 1 });
    const { status, output } = await stack.up("--expect-no-changes");
    assert.equal(status, 0, output);
  });

  it("says that the registry refuses the credentials", async () => {
    running.servers.api.faults.add({ what: "registry-unauthorized" });
    const { status, output } = await stack.up();
    assert.notEqual(status, 0);
    assert.match(output, /REGISTRY_AUTH_FAILURE/);
  });

  it("writes no secret in plain into the state, a preview or the log", async () => {
    const { output } = await stack.preview();
    const everything = stack.storedText() + output;
    assert.ok(everything.includes(digest), "the search finds what is there");
    const minted = /dor_v1_[0-9a-f]{8,}/;
    assert.match(
      (await stack.pulumi("stack", "export", "--show-secrets")).output,
      minted,
      "the search finds credentials where they are shown",
    );
    assert.doesNotMatch(everything, minted);
    for (const secret of [
      Buffer.from("dor_v1_").toString("base64").slice(0, 8),
      running.servers.token,
      Buffer.from(`${running.servers.token}:${running.servers.token}`).toString("base64"),
      "planted-passphrase",
    ]) {
      assert.ok(!everything.includes(secret));
    }
    assert.match(everything, /"ciphertext"/);
  });

  it("warns at every update of another registry that host and cluster would pull with the push login, until they have their own", async () => {
    const { config } = stack;
    stack.config = { ...config, "registry:kind": "generic", "registry:username": "push" };
    stack.setVariable("REGISTRY_PASSWORD", running.servers.push.password);
    for (const run of [() => stack.up(), () => stack.up("--expect-no-changes")]) {
      const { status, output } = await run();
      assert.equal(status, 0, output);
      assert.match(
        output,
        /registry:pullPassword is not set, or is the push login: .*pulumi config set --secret registry:pullPassword/,
      );
    }
    stack.config = { ...stack.config, "odoo:environment": "production" };
    const refused = await stack.up();
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /SETTINGS_INVALID[^]*registry:pullPassword: is missing/);
    stack.config = { ...stack.config, "registry:pullUsername": "pull" };
    stack.setVariable("REGISTRY_PULL_PASSWORD", running.servers.pull.password);
    const candidate = await stack.preview();
    assert.notEqual(candidate.status, 0);
    assert.match(candidate.output, /PROMOTION_REFUSED: production runs releases alone/);
    assert.equal(await running.push("team/odoo", "sha-0123456789ab-00000001", "layer of team/odoo:v1"), digest);
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.doesNotMatch(output, /the push login/);
    const pull = JSON.parse(
      (await stack.pulumi("stack", "output", "pullCredentials", "--json", "--show-secrets")).output,
    ) as object;
    assert.deepEqual(pull, { username: "pull", password: running.servers.pull.password });
    assert.deepEqual(undocumented(await stack.decrypted()), []);
  });
});
