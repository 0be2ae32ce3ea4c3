import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import { candidateTag } from "../../../components/image/candidate-tag";
import type { RegistryClient } from "../../../components/registry/client";
import { imageSays } from "../../../components/release/released";
import { sandboxEnvironment } from "../../../sandbox/environment";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { buildingStack, trialRegistry, trialRepository } from "../../support/building-stack";
import { runningSandbox } from "../../support/running-sandbox";
import { TrialSigner } from "../../support/trials/signing";

/** What somebody with a stolen login that may push can make staging take for its own build, and sign. */
describe("a build under a name that somebody else has set", () => {
  let stack: TestStack;
  let registry: RegistryClient;
  let signer: TrialSigner;
  /** The release before. */
  let first: string;

  before(async () => {
    const servers = await runningSandbox();
    registry = trialRegistry(servers);
    signer = await TrialSigner.open(servers);
    stack = await buildingStack(servers);
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    first = await deployed();
  });
  after(() => {
    stack.remove();
    signer.remove();
  });

  const deployed = async () => String((await stack.outputs())["imageDigest"]);
  /** The next content, built and pushed under its candidate's name by somebody else. */
  async function forge(content: string): Promise<string> {
    const env = { ...sandboxEnvironment(await runningSandbox()), DOCKER_BUILDKIT: "0" };
    const docker = (input: string, ...args: string[]) =>
      execFileSync("docker", args, { input, env, encoding: "utf8", stdio: "pipe" });
    const tag = `${trialRepository}:${candidateTag(content)}`;
    const file = `FROM ${trialRepository}@${first}\nLABEL io.odoo.content-hash=${content} theirs=yes\n`;
    docker(file, "build", "--quiet", "--tag", tag, "-");
    docker("", "push", "--quiet", tag);
    return (await registry.digestOf(candidateTag(content))) ?? "";
  }
  /** Changes the module, and reads in a preview what would be built. */
  async function next(text: string): Promise<string> {
    stack.write("addons/trial/data.txt", text);
    stack.commit(text);
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    const [, content = ""] = /=> "[^"]*:candidate-([0-9a-f]{64})"/.exec(output) ?? [];
    assert.notEqual(content, "", output);
    return content;
  }
  async function builtAnew(content: string, not: string): Promise<void> {
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.match(output, /It is not taken for our own build/);
    const built = await deployed();
    assert.notEqual(built, not);
    assert.equal(await registry.digestOf(candidateTag(content)), built);
    assert.equal((await imageSays(registry, built)).contentHash, content);
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
  }

  it("is known by the state where it was released before anything was signed, and then by its signature", async () => {
    const signing = { "gates:signing": "key", "gates:publicKey": signer.publicKey };
    Object.assign(stack.config, signing, await stack.encrypted(signer.settings));
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal(await deployed(), first);
    await signer.prove(`${trialRepository}@${first}`, { sbom: false });
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
  });

  it("is known by the state, too, where a gate has failed after the push: nothing is built anew", async () => {
    const content = await next("failed");
    stack.config["gates:imageMegabytes"] = 100;
    const failed = await stack.up();
    assert.match(failed.output, /IMAGE_SIZE_EXCEEDED/);
    const pushed = await registry.digestOf(candidateTag(content));
    delete stack.config["gates:imageMegabytes"];
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.doesNotMatch(output, /It is not taken for our own build/);
    assert.equal(await deployed(), pushed);
    await signer.prove(`${trialRepository}@${pushed}`, { sbom: false });
  });

  it("is not taken, and not signed, where the signature is nobody's", async () => {
    const content = await next("second");
    const forged = await forge(content);
    assert.match(forged, /^sha256:/);
    await builtAnew(content, forged);
    assert.deepEqual((await signer.hanging(`${trialRepository}@${forged}`)).bundles, []);
  });

  it("is not taken where it is an older release of our own", async () => {
    const content = await next("third");
    await registry.tag(first, candidateTag(content));
    await builtAnew(content, first);
  });
});
