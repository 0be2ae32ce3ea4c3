import assert from "node:assert/strict";

import { RunningServers } from "../../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { TrialSigner } from "../../support/trials/signing";

/** On the real engine, with the real cosign and a real registry. What a host does with it is another test's. */
describe("an update that deploys a digest which has to be signed", () => {
  const running = new RunningServers();
  let stack: TestStack;
  let ours: TrialSigner;
  let foreign: TrialSigner;
  let image: string;

  before(async () => {
    await running.start();
    await running.createRegistry();
    const digest = await running.push("team/odoo", "v1");
    image = `${running.servers.registryAddress}/team/odoo@${digest}`;
    [ours, foreign] = [await TrialSigner.open(running.servers), await TrialSigner.open(running.servers)];
    stack = new TestStack(running.servers, {
      "registry:ownership": "adopt",
      "image:digest": digest,
      "gates:signing": "key",
      "gates:publicKey": ours.publicKey,
      "gates:sbom": "required",
    });
    await stack.init();
  });
  after(async () => {
    stack.remove();
    ours.remove();
    foreign.remove();
    await running.remove();
  });

  it("is refused in its preview, and before anything is made, until it is", async () => {
    const refused = async (code: string) => {
      const { status, output } = await stack.preview();
      assert.notEqual(status, 0, output);
      assert.match(output, new RegExp(`${code}: `));
    };
    await refused("IMAGE_UNSIGNED");
    await foreign.sign(image);
    await refused("SIGNATURE_INVALID");
    await ours.signByHand(image);
    const { status, output } = await stack.up();
    assert.notEqual(status, 0, output);
    assert.match(output, /ATTESTATION_MISSING: /);
    await ours.sign(image, { sbom: false });
    await refused("SBOM_MISSING");
    assert.deepEqual(await stack.outputs(), {});
  });

  it("is refused once the lists of what is in it are gone from the registry", async () => {
    await ours.sign(image);
    const good = await stack.preview();
    assert.equal(good.status, 0, good.output);
    await ours.removeLists(image);
    const { status, output } = await stack.up();
    assert.notEqual(status, 0, output);
    assert.match(output, /SBOM_MISSING: /);
    assert.deepEqual(await stack.outputs(), {});
  });

  it("goes out once it has all, and keeps what it was verified by", async () => {
    await ours.sign(image);
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal((await stack.outputs())["imageReference"], image);
    const { output: state } = await stack.pulumi("stack", "export");
    assert.match(state, /"gates-proof"|::gates-proof"/);
    assert.doesNotMatch(state, /PRIVATE KEY/);
  });

  it("changes nothing when it runs again, nor when somebody signs the same digest once more", async () => {
    await foreign.sign(image, { outcome: "incomplete" });
    const { status, output } = await stack.up("--expect-no-changes");
    assert.equal(status, 0, output);
  });
});
