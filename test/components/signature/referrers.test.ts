import assert from "node:assert/strict";

import { RegistryClient } from "../../../components/registry/client";
import { predicateTypes } from "../../../components/signature/proof";
import { hangingOn } from "../../../components/signature/referrers";
import { attestationText, bundleText, listsOf, listText, objectOf, SignedRegistry } from "../../support/signed";

const digest = `sha256:${"a".repeat(64)}`;

describe("What is signed about an image", () => {
  let registry: SignedRegistry;
  const hanging = () => hangingOn(new RegistryClient(registry.repository), digest);
  const types = async () => (await hanging()).bundles.map((one) => one.predicateType).sort();

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

  it("has its lists beside it, the large ones too, without a download of those", async () => {
    const large = listText("key", digest, "cyclonedx", ["x".repeat(1_000_000)]);
    const small = listText("key", digest, "spdx");
    registry.bundles.set(digest, [small, large]);
    const { lists } = await hanging();
    assert.deepEqual(lists.map((one) => one.digest).sort(), [small, large].map(objectOf).sort());
    assert.equal(registry.asked.filter((path) => path.startsWith("blobs/")).length, 1);
  });

  it("has no list beside it whose content the registry has lost", async () => {
    const { texts } = listsOf("key", digest);
    const large = listText("key", digest, "cyclonedx", ["x".repeat(1_000_000)]);
    registry.bundles.set(digest, [...texts, large]);
    for (const text of [...texts, large]) registry.emptied.add(text);
    assert.deepEqual((await hanging()).lists, []);
  });

  it("is looked at up to a hundred objects: whoever may push could hang any number there", async () => {
    registry.bundles.set(
      digest,
      Array.from({ length: 150 }, (_, at) => bundleText(`key ${at}`, digest)),
    );
    assert.equal((await types()).length, 100);
  });
});
