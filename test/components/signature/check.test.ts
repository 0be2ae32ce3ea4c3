import assert from "node:assert/strict";
import * as path from "node:path";

import { checkSigned } from "../../../components/signature/check";
import { Secret } from "../../../components/shared/secret";
import { addCosign, attestationText, bundleText, listsOf, SignedRegistry, publicKey } from "../../support/signed";
import { Programs } from "../../support/programs";

const root = path.join(__dirname, "..", "..", "..");
const digest = `sha256:${"a".repeat(64)}`;

/** By ops/attestation.ts itself, as a plan starts it. */
describe("The check of a digest that is deployed by its name", () => {
  const ours = publicKey();
  let programs: Programs;
  let registry: SignedRegistry;
  const check = (sbom = false) =>
    checkSigned(
      root,
      { image: `${registry.repository}@${digest}`, signers: [{ publicKey: ours }], sbom },
      { username: "user", password: new Secret("planted-login"), tokenHost: "" },
    );

  beforeEach(async () => {
    programs = new Programs();
    addCosign(programs);
    registry = await SignedRegistry.start();
  });
  afterEach(() => {
    registry.stop();
    programs.remove();
  });

  it("passes for one that is signed", async () => {
    registry.bundles.set(digest, [bundleText(ours, digest), attestationText(ours, digest)]);
    await check();
  });

  it("refuses with the code of what is wrong", async () => {
    await assert.rejects(check(), /^ShipError: IMAGE_UNSIGNED/);
    registry.bundles.set(digest, [bundleText(publicKey(), digest)]);
    await assert.rejects(check(), /^ShipError: SIGNATURE_INVALID/);
  });

  it("refuses one whose lists of what is in it are not in the registry, where they are asked for", async () => {
    const { texts, named } = listsOf(ours, digest);
    const signed = [bundleText(ours, digest), attestationText(ours, digest, "passed", [], named)];
    registry.bundles.set(digest, [...signed, ...texts]);
    await check(true);
    registry.bundles.set(digest, signed);
    await assert.rejects(check(true), /^ShipError: SBOM_MISSING/);
    await check(false);
  });

  it("is no pass without cosign, and tells nobody the login", async () => {
    programs.add("cosign", "exit 1");
    await assert.rejects(
      check(),
      (error) =>
        error instanceof Error && error.message.startsWith("TOOL_MISSING") && !error.message.includes("planted"),
    );
  });
});
