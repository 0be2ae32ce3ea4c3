import assert from "node:assert/strict";
import * as path from "node:path";

import { Secret } from "../../../components/shared/secret";
import { ownImage } from "../../../components/signature/own-image";
import { addCosign, bundleText, publicKey, SignedRegistry } from "../../support/signed";
import { Programs } from "../../support/programs";

const root = path.join(__dirname, "..", "..", "..");
const digest = `sha256:${"a".repeat(64)}`;
const content = "c".repeat(64);

/** What whoever may push could make of a tag that the next update looks for. */
describe("The image that a tag names", () => {
  const ours = publicKey();
  let programs: Programs;
  let signatures: SignedRegistry;
  let named: string | undefined;
  let labels: Record<string, string>;

  beforeEach(async () => {
    programs = new Programs();
    addCosign(programs);
    signatures = await SignedRegistry.start();
    named = digest;
    labels = { content };
  });
  afterEach(() => {
    signatures.stop();
    programs.remove();
  });

  const find = ({ signing = true, known = "" } = {}) =>
    ownImage(
      root,
      {
        repository: signatures.repository,
        digestOf: () => Promise.resolve(named),
        imageOf: (reference) => Promise.resolve({ digest: reference, labels }),
      },
      { username: "user", password: new Secret("planted-login"), tokenHost: "" },
      {
        tag: "candidate-1",
        label: "content",
        content,
        signers: signing ? [{ publicKey: ours }] : undefined,
        known: () => Promise.resolve(new Set([known])),
      },
    );

  it("counts where it is signed, and says that it is of this content, with or without results of gates", async () => {
    signatures.bundles.set(digest, [bundleText(ours, digest)]);
    assert.deepEqual(await find(), { digest });
  });

  it("does not count where nobody, or somebody else, has signed it", async () => {
    const unsigned = await find();
    assert.equal(unsigned.digest, undefined);
    assert.match(unsigned.refused ?? "", /^candidate-1 names \S+@sha256:a+: the image is not signed$/);
    signatures.bundles.set(digest, [bundleText(publicKey(), digest)]);
    const foreign = await find();
    assert.equal(foreign.digest, undefined);
    assert.match(foreign.refused ?? "", /no signature of the image counts/);
  });

  it("does not count where it is a release of ours of another content, which somebody has put there", async () => {
    signatures.bundles.set(digest, [bundleText(ours, digest)]);
    labels = { content: "d".repeat(64) };
    const older = await find();
    assert.equal(older.digest, undefined);
    assert.match(older.refused ?? "", /which was built from something else$/);
    labels = {};
    assert.equal((await find()).digest, undefined);
  });

  it("counts where the stack itself has pushed it and not signed it yet, whatever hangs on it", async () => {
    assert.deepEqual(await find({ known: digest }), { digest });
    signatures.bundles.set(digest, [bundleText(publicKey(), digest)]);
    assert.deepEqual(await find({ known: digest }), { digest });
    assert.equal((await find({ known: `sha256:${"e".repeat(64)}` })).digest, undefined);
  });

  it("does not count where the stack has pushed it for another content, and its signature is hidden", async () => {
    labels = { content: "d".repeat(64) };
    const hidden = await find({ known: digest });
    assert.equal(hidden.digest, undefined);
    assert.match(hidden.refused ?? "", /which was built from something else$/);
  });

  it("is taken at its word where releases are not signed, and missed where there is none", async () => {
    assert.deepEqual(await find({ signing: false }), { digest });
    named = undefined;
    assert.deepEqual(await find(), { digest: undefined });
  });

  it("is not found out without cosign: that is an error, and no answer", async () => {
    programs.add("cosign", "exit 1");
    await assert.rejects(find(), /TOOL_MISSING/);
  });
});
