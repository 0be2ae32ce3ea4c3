import assert from "node:assert/strict";

import type { Proof } from "../../../components/signature/proof";
import { ensureCosign } from "../../../sandbox/images/base";
import { runningSandbox } from "../../support/running-sandbox";
import type { Ending } from "../../support/trials/ending";
import { Trial } from "../../support/trials/host-trial";
import type { TrialRelease } from "../../support/trials/releases";
import { itWhole } from "../../support/sample";
import { TrialSigner } from "../../support/trials/signing";

/** Real signatures in the real registry, looked at by the operator's machine and by a host. */
describe("a release that has to be signed", () => {
  let trial: Trial;
  let ours: TrialSigner;
  let foreign: TrialSigner;
  /** The image that verifies, `repository@sha256:…`. */
  let cosign: string;
  /** Not signed at first; signed, with a gate that failed. */
  let next: TrialRelease;
  let failed: TrialRelease;

  before(async () => {
    const servers = await runningSandbox();
    const { reference, digest } = await ensureCosign(() => undefined);
    cosign = `${reference}@${digest}`;
    trial = await Trial.open();
    [ours, foreign] = [await TrialSigner.open(servers), await TrialSigner.open(servers)];
    next = await trial.releases.make({ kind: "good" }, trial.level + 1);
    failed = await trial.releases.make({ kind: "additive" }, trial.level + 1);
  });
  // The last file of its lane: a machine that stands keeps an address from others.
  after(async () => {
    ours.remove();
    foreign.remove();
    await trial.close();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  const deploy = (proof: Proof, release = next): Promise<Ending> =>
    trial.deploy(release, { rehearse: false, signature: { cosign, proof } });

  it("is refused on the operator's machine, by the code of what is wrong", async () => {
    await assert.rejects(ours.prove(next.image), /IMAGE_UNSIGNED/);
    await foreign.sign(next.image);
    await assert.rejects(ours.prove(next.image), /SIGNATURE_INVALID/);
    await ours.signByHand(next.image);
    await assert.rejects(ours.prove(next.image), /ATTESTATION_MISSING/);
    await ours.sign(next.image, { sbom: false });
    await assert.rejects(ours.prove(next.image), /SBOM_MISSING/);
    await ours.signByHand(failed.image, "failed");
    await assert.rejects(ours.prove(failed.image), /ATTESTATION_REFUSED/);
  });

  it("is refused by the host before anything is touched, whatever it is sent", async () => {
    const { attestation: unlisted } = await ours.prove(next.image, { sbom: false });
    await ours.sign(next.image);
    await ours.sign(trial.live.image);
    const good = await ours.prove(next.image);
    const other = await ours.prove(trial.live.image);
    const theirs = await foreign.prove(next.image);
    const { bundles: signedFailed } = await ours.hanging(failed.image);
    const [signature = "", attestation = ""] = ["cosign/sign", "urn:odoo-ship"].map(
      (type) => signedFailed.find(({ predicateType }) => predicateType.includes(type))?.text,
    );
    const rows: [string, string, Proof, TrialRelease?][] = [
      ["unsigned", "IMAGE_UNSIGNED", { ...good, signature: "", attestation: "" }],
      ["a foreign key", "SIGNATURE_INVALID", { ...theirs, signer: good.signer }],
      ["another digest's", "SIGNATURE_INVALID", { ...other }],
      ["without results of gates", "ATTESTATION_MISSING", { ...good, attestation: "" }],
      ["with foreign results of gates", "SIGNATURE_INVALID", { ...good, attestation: theirs.attestation }],
      ["without a list of what is in it", "SBOM_MISSING", { ...good, attestation: unlisted }],
      ["with a gate that failed", "ATTESTATION_REFUSED", { ...good, signature, attestation }, failed],
    ];
    const found: [string, string | undefined][] = [];
    const problems = await trial.problemsAfter(async () => {
      for (const [what, , proof, release] of rows) found.push([what, (await deploy(proof, release)).error?.code]);
      return { allowed: { refusals: "none" } };
    });
    assert.deepEqual(
      found,
      rows.map(([what, code]) => [what, code]),
    );
    assert.deepEqual(problems, []);
  });

  it("is deployed once it is signed, and leaves nothing of the proof behind", async () => {
    const ending = await deploy(await ours.prove(next.image));
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    [trial.live, trial.level] = [next, trial.level + 1];
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.equal(await trial.machine.sh("ls -A /var/lib/odoo-ship/proof 2> /dev/null || true"), "");
  });

  itWhole(
    "is refused on the operator's machine once its lists are gone, until staging has attached them anew",
    async () => {
      await ours.removeLists(next.image);
      await assert.rejects(ours.prove(next.image), /SBOM_MISSING/);
      await ours.sign(next.image);
      await ours.prove(next.image);
    },
  );

  itWhole("is signed once, however often the gate runs", async () => {
    const before = await ours.hanging(next.image);
    await ours.sign(next.image);
    assert.deepEqual(await ours.hanging(next.image), before);
  });
});
