import assert from "node:assert/strict";
import * as path from "node:path";

import { type Bundle, readBundle } from "../../components/signature/bundle";
import { ShipError } from "../../components/shared/errors";
import { proofOf, verify } from "../../gates/prove";
import { addCosign, attestationText, bundleText, publicKey } from "../support/signed";
import { Programs } from "../support/programs";

const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;
const image = `registry.example.com/team/odoo@${digest}`;
const [ours, earlier, foreign] = [publicKey(), publicKey(), publicKey()];

describe("The proof of an image", () => {
  let programs: Programs;
  beforeEach(() => {
    programs = new Programs();
    addCosign(programs);
  });
  afterEach(() => programs.remove());

  async function prove(texts: readonly string[], keys: readonly string[] = [ours]) {
    const bundles = texts.map(readBundle).filter((one): one is Bundle => one !== undefined);
    assert.equal(bundles.length, texts.length);
    const signers = keys.map((key) => ({ publicKey: key }));
    return proofOf(image, bundles, await verify(path.join(programs.folder, "cosign"), digest, bundles, signers));
  }

  it("is its signature and the results of its gates, by one signer", async () => {
    const texts = [bundleText(ours, digest), attestationText(ours, digest)];
    const { signer, signature, attestation } = await prove(texts);
    assert.deepEqual([signer, signature, attestation], [{ publicKey: ours }, ...texts]);
  });

  it("counts of an earlier key, too, as long as that is named", async () => {
    const { signer } = await prove([bundleText(earlier, digest), attestationText(earlier, digest)], [ours, earlier]);
    assert.deepEqual(signer, { publicKey: earlier });
  });

  it("is found among what others have hung beside it", async () => {
    const junk = [bundleText(foreign, digest), attestationText(foreign, digest, "failed"), bundleText(ours, other)];
    const texts = [bundleText(ours, digest), attestationText(ours, digest)];
    assert.equal((await prove([...junk, ...texts])).attestation, texts[1]);
  });

  it("has a gate in it that has not checked all: that is told, and was decided before its release", async () => {
    const texts = [bundleText(ours, digest), attestationText(ours, digest, "incomplete", ["scan: off"])];
    assert.equal((await prove(texts)).attestation, texts[1]);
  });

  it("tells cosign the digest, the type and the key, and to ask nobody", async () => {
    await prove([bundleText(ours, digest), attestationText(ours, digest)]);
    const calls = programs.calls("cosign");
    assert.equal(calls.length, 2);
    for (const call of calls) {
      assert.match(call, new RegExp(`--digest=${"a".repeat(64)} --digestAlg=sha256 --key=\\S+ --insecure-ignore-tlog`));
    }
    assert.match(calls[1] ?? "", /--type=urn:odoo-ship:gates:1 /);
  });

  const refusals: readonly [string, string[], string, RegExp][] = [
    ["without a signature", [], "IMAGE_UNSIGNED", /nothing in the registry/],
    [
      "with a foreign one",
      [bundleText(foreign, digest), attestationText(foreign, digest)],
      "SIGNATURE_INVALID",
      /invalid signature/,
    ],
    [
      "with that of another digest",
      [bundleText(ours, other), attestationText(ours, other)],
      "SIGNATURE_INVALID",
      /it is about sha256:bbb/,
    ],
    ["without results of gates", [bundleText(ours, digest)], "ATTESTATION_MISSING", /@sha256:aaa/],
    [
      "with results of gates by somebody else",
      [bundleText(ours, digest), attestationText(foreign, digest)],
      "ATTESTATION_MISSING",
      /attestation: .*invalid signature/,
    ],
    [
      "with results of gates of another shape",
      [bundleText(ours, digest), bundleText(ours, digest, "urn:odoo-ship:gates:1", { gates: [] })],
      "ATTESTATION_MISSING",
      /a shape that this program does not know/,
    ],
    [
      "with a gate that has failed",
      [bundleText(ours, digest), attestationText(ours, digest, "failed")],
      "ATTESTATION_REFUSED",
      /: image$/,
    ],
    ["with results of gates alone", [attestationText(ours, digest)], "SIGNATURE_INVALID", /no signature/],
  ];
  for (const [what, texts, code, found] of refusals) {
    it(`is refused ${what}`, async () => {
      await assert.rejects(
        prove(texts),
        (error) => error instanceof ShipError && error.code === code && found.test(error.failure.found),
      );
    });
  }

  it("is not put together of two signers", async () => {
    await assert.rejects(
      prove([bundleText(ours, digest), attestationText(earlier, digest)], [ours, earlier]),
      /ATTESTATION_MISSING/,
    );
  });

  it("is not shown what a hostile text does to a terminal", async () => {
    const hostile = bundleText(ours, "sha256:\u001b[2J");
    await assert.rejects(prove([hostile]), (error) => error instanceof Error && !error.message.includes("\u001b"));
  });
});
