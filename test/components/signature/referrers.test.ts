import assert from "node:assert/strict";

import { RegistryClient } from "../../../components/registry/client";
import { predicateTypes } from "../../../components/signature/proof";
import { bundlesOf } from "../../../components/signature/referrers";
import { attestationText, bundleText, SignedRegistry } from "../../support/signed";

const digest = `sha256:${"a".repeat(64)}`;

describe("What is signed about an image", () => {
  let registry: SignedRegistry;
  const types = async () =>
    (await bundlesOf(new RegistryClient(registry.repository), digest)).map((one) => one.predicateType).sort();

  beforeEach(async () => (registry = await SignedRegistry.start()));
  afterEach(() => registry.stop());

  for (const referrers of [true, false]) {
    it(`is found in a registry ${referrers ? "with" : "without"} the referrers API`, async () => {
      registry.referrers = referrers;
      registry.bundles.set(digest, [bundleText("key", digest), attestationText("key", digest)]);
      assert.deepEqual(await types(), [predicateTypes.signature, predicateTypes.attestation].sort());
    });
  }

  it("is nothing where nothing hangs on it", async () => {
    assert.deepEqual(await types(), []);
  });

  it("is no list of packages, no other object, and nothing that is too large", async () => {
    const large = attestationText("key", digest, "passed", ["x".repeat(1_000_000)]);
    registry.bundles.set(digest, [bundleText("key", digest, "https://spdx.dev/Document"), "other", large]);
    assert.deepEqual(await types(), []);
    assert.equal(registry.asked.filter((path) => path.startsWith("blobs/")).length, 2);
  });

  it("is looked at up to a hundred objects: whoever may push could hang any number there", async () => {
    registry.bundles.set(
      digest,
      Array.from({ length: 150 }, (_, at) => bundleText(`key ${at}`, digest)),
    );
    assert.equal((await types()).length, 100);
  });
});
