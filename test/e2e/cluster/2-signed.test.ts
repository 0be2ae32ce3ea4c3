import assert from "node:assert/strict";
import * as fs from "node:fs";

import { ensureCosign, vpsImagesRecord } from "../../../sandbox/images/base";
import { until } from "../../../sandbox/process";
import { runningSandbox } from "../../support/running-sandbox";
import { type ClusterTrial, type Settings } from "../../support/trials/cluster-trial";
import { openTrial } from "../../support/trials/opened";
import { digestOf, type TrialRelease } from "../../support/trials/releases";
import { TrialSigner } from "../../support/trials/signing";

const verifier = "verify-signature";
const limitMs = 300_000;
/** A ConfigMap with what pods verify by. */
const proof = /^configmap\/(doks-odoo-proof-\S+)$/m;

interface Started {
  readonly status: { readonly initContainerStatuses?: readonly Container[] };
}
interface Container {
  readonly name: string;
  readonly state: { readonly terminated?: Ending };
  readonly lastState: { readonly terminated?: Ending };
}
interface Ending {
  readonly exitCode: number;
  readonly message?: string;
}

/** Real signatures in the real registry, looked at by the operator's machine and by the cluster's own pods. */
describe("a release of a cluster that has to be signed", () => {
  let trial: ClusterTrial;
  let ours: TrialSigner;
  let foreign: TrialSigner;
  let next: TrialRelease;
  let signed: Settings;

  before(async () => {
    trial = await openTrial();
    const servers = await runningSandbox();
    await ensureCosign(() => undefined);
    trial.stack.write("images.json", fs.readFileSync(vpsImagesRecord, "utf8"));
    [ours, foreign] = [await TrialSigner.open(servers), await TrialSigner.open(servers)];
    next = await trial.releases.make({ kind: "good" }, trial.level + 1);
    signed = {
      "gates:signing": "key",
      "gates:publicKey": ours.publicKey,
      "gates:sbom": "required",
      "release:rehearse": false,
    };
  });
  after(() => {
    ours.remove();
    foreign.remove();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.story());
  });

  /** How each pod of an app ended its look at the signature, by the pod's name. */
  const looks = async (query: string): Promise<Map<string, Ending | undefined>> => {
    const { items } = JSON.parse(await trial.kubectl("get", "pods", "-l", query, "-o", "json")) as {
      items: (Started & { metadata: { name: string } })[];
    };
    // The pod that has looked whether an image of PostgreSQL fits counts as the release's for the network alone.
    const ofOdoo = items.filter(({ metadata }) => !metadata.name.startsWith("odoo-db-"));
    return new Map(
      ofOdoo.map(({ metadata, status }) => {
        const look = status.initContainerStatuses?.find(({ name }) => name === verifier);
        return [metadata.name, look?.state.terminated ?? look?.lastState.terminated];
      }),
    );
  };
  /** Looks of pods that are not in `known`, once one has ended. */
  const newLook = async (query: string, known: ReadonlyMap<string, unknown>): Promise<Ending> => {
    let ending: Ending | undefined;
    const ended = async () =>
      (ending = [...(await looks(query))].find(([name]) => !known.has(name))?.[1]) !== undefined;
    assert.ok(await until(ended, limitMs, 1000), `no new pod of ${query} has looked at the signature`);
    return ending as unknown as Ending;
  };

  it("is refused before anything is touched while it is not, by another key, or without its lists", async () => {
    const problems = await trial.problemsAfter(async () => {
      for (const [code, sign] of [
        ["IMAGE_UNSIGNED", () => Promise.resolve()],
        ["SIGNATURE_INVALID", () => foreign.sign(next.image)],
        ["SBOM_MISSING", () => ours.sign(next.image, { sbom: false })],
      ] as const) {
        await sign();
        const { status, output } = await trial.deploy(next, signed);
        assert.notEqual(status, 0, output);
        assert.match(output, new RegExp(code));
        assert.doesNotMatch(output, /Job \S+ creating/);
      }
      return { allowed: { refusals: "none" } };
    });
    assert.deepEqual(problems, []);
  });

  it("is deployed once it is signed, and each pod has looked before anything else of it ran", async () => {
    await ours.sign(next.image);
    const { status, output } = await trial.deploy(next, signed);
    assert.equal(status, 0, output);
    trial.level += 1;
    assert.deepEqual(await trial.wrongRelease(), []);
    for (const app of ["odoo", "odoo-cron", "odoo-upgrade"]) {
      const endings = [...(await looks(`app=${app}`)).values()];
      assert.deepEqual(
        endings.map((ending) => ending?.exitCode),
        [0],
        app,
      );
    }
  });

  it("starts no pod by the proof of a foreign key, of another image, or by none, and goes on with the right one", async () => {
    const [, config = ""] = proof.exec(await trial.kubectl("get", "configmaps", "-o", "name")) ?? [];
    assert.notEqual(config, "", "there is no ConfigMap with the proof");
    const attestations = "jsonpath={.data.attestation\\.json}";
    const good = await trial.kubectl("get", "configmap", config, "-o", attestations);
    const other = await trial.releases.make({ kind: "additive" }, trial.level + 1);
    await ours.sign(other.image);
    const change = (text: string) => {
      const data = JSON.stringify({ data: { "attestation.json": text } });
      return trial.kubectl("patch", "configmap", config, "--type=merge", "-p", data);
    };
    const scale = (pods: number) => trial.kubectl("scale", "deployment/odoo", `--replicas=${pods}`);
    const before = await looks("app=odoo");
    for (const [what, text] of [
      ["a foreign key", (await foreign.prove(next.image)).attestation],
      ["another image", (await ours.prove(other.image)).attestation],
      ["none", ""],
    ] as const) {
      await change(text);
      await scale(2);
      const ending = await newLook("app=odoo", before);
      assert.notEqual(ending.exitCode, 0, what);
      console.log(`      ${what}: ${(ending.message ?? "").trim().split("\n").at(-1) ?? ""}`);
      await scale(1);
      const left = async () => (await looks("app=odoo")).size === before.size;
      assert.ok(await until(left, limitMs, 1000), `the pod with the proof of ${what} is still there`);
    }
    assert.deepEqual([...(await looks("app=odoo")).keys()], [...before.keys()]);
    await change(good);
    await scale(2);
    assert.equal((await newLook("app=odoo", before)).exitCode, 0);
    await scale(1);
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.equal(digestOf(trial.live), digestOf(next));
  });
});
