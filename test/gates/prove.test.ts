import assert from "node:assert/strict";
import * as path from "node:path";

import { type Bundle, readBundle } from "../../components/signature/bundle";
import { ShipError } from "../../components/shared/errors";
import { proofOf, verify } from "../../gates/prove";
import type { Sbom } from "../../components/signature/proof";
import { addCosign, attestationText, bundleText, listsOf, publicKey } from "../support/signed";
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

  /** `lists`: digests of the lists that hang on the image; undefined where none is asked for. */
  async function prove(texts: readonly string[], keys: readonly string[] = [ours], lists?: readonly string[]) {
    const bundles = texts.map(readBundle).filter((one): one is Bundle => one !== undefined);
    assert.equal(bundles.length, texts.length);
    const signers = keys.map((key) => ({ publicKey: key }));
    const hanging = { bundles, lists: (lists ?? []).map((one) => ({ digest: one, blob: one })) };
    const verified = await verify(path.join(programs.folder, "cosign"), digest, hanging, signers);
    return proofOf(image, hanging, verified, lists !== undefined);
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

  describe("with the lists of what is in the image", () => {
    const { named } = listsOf(ours, digest);
    const there = [named.spdx, named.cyclonedx];
    const signed = (sbom?: Partial<Sbom>) => [
      bundleText(ours, digest),
      attestationText(ours, digest, "passed", [], sbom),
    ];

    it("says that they are asked for, by which a host looks, too", async () => {
      assert.equal((await prove(signed(named), [ours], there)).sbom, true);
      assert.ok(!("sbom" in (await prove(signed(named)))));
    });

    const lacking: readonly [string, string[], readonly string[], RegExp][] = [
      ["that nobody has named", signed(), there, /name no list/],
      ["of which one is gone", signed(named), [named.spdx], new RegExp(`cyclonedx: ${named.cyclonedx}$`)],
      ["in the place of which another hangs", signed(named), [named.spdx, other], /lacks\ncyclonedx: sha256/],
    ];
    for (const [what, texts, lists, found] of lacking) {
      it(`is refused without those ${what}, and counts where none is asked for`, async () => {
        await assert.rejects(
          prove(texts, [ours], lists),
          (error) => error instanceof ShipError && error.code === "SBOM_MISSING" && found.test(error.failure.found),
        );
        await prove(texts);
      });
    }

    it("is that of the update which has attached them anew, whatever the order of the two", async () => {
      const earlier = attestationText(ours, digest, "passed", [], { spdx: other, cyclonedx: other });
      const [signature = "", attestation = ""] = signed(named);
      for (const texts of [
        [signature, earlier, attestation],
        [signature, attestation, earlier],
      ]) {
        assert.equal((await prove(texts, [ours], there)).attestation, attestation);
      }
    });

    it("tells of a failed gate first", async () => {
      await assert.rejects(
        prove([bundleText(ours, digest), attestationText(ours, digest, "failed")], [ours], there),
        /ATTESTATION_REFUSED/,
      );
    });
  });

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
