import assert from "node:assert/strict";

import { verifierArguments, type VerifierArgs } from "../../../../components/kubernetes/objects/verifiers";
import type { Proof } from "../../../../components/signature/proof";
import { digestOf, podsOf, render } from "../../../support/kubernetes-objects";

const proof: Proof = { signer: { publicKey: "the key" }, signature: "{}", attestation: "{}" };
const verifier: VerifierArgs = {
  image: `registry.example.com/cosign@${digestOf("c")}`,
  arguments: verifierArguments(proof, digestOf("a")),
  config: "proof-1",
};

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly securityContext: unknown;
  readonly volumeMounts: readonly { readonly name: string; readonly readOnly?: boolean }[];
}
interface Pod {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

/** Every pod in which the image of Odoo runs, by the object's name. */
function odooPods(with_: VerifierArgs | undefined): [string, Pod][] {
  const pods = [...podsOf(render({}, with_).objects)].map(([name, { pod }]): [string, Pod] => [
    name,
    pod as unknown as Pod,
  ]);
  return pods.filter(([, pod]) =>
    [...(pod.initContainers ?? []), ...pod.containers].some(({ image }) => image.includes("/odoo@")),
  );
}

describe("The verifier of a signature in a cluster", () => {
  it("comes first in each pod that runs Odoo's image", () => {
    const pods = odooPods(verifier);
    assert.ok(pods.length >= 5, pods.map(([name]) => name).join());
    for (const [name, pod] of pods) {
      const [first, ...others] = pod.initContainers ?? [];
      assert.equal(first?.name, "verify-signature", name);
      assert.ok(
        others.every((one) => one.name !== "verify-signature"),
        name,
      );
      assert.deepEqual(
        pod.volumes.filter((volume) => volume.name === "proof").map(({ configMap }) => configMap?.name),
        ["proof-1"],
        name,
      );
    }
  });

  it("is no code of Odoo's image, is told its digest, and has nothing of the pod's but the proof", () => {
    for (const [name, pod] of odooPods(verifier)) {
      const [first] = pod.initContainers ?? [];
      assert.equal(first?.image, verifier.image, name);
      assert.ok(first.args?.includes(`--digest=${"a".repeat(64)}`), name);
      assert.deepEqual(first.volumeMounts, [{ name: "proof", mountPath: "/run/proof", readOnly: true }], name);
      assert.deepEqual(first.securityContext, pod.containers[0]?.securityContext, name);
    }
  });

  it("is nowhere where releases are not signed", () => {
    const pods = odooPods(undefined);
    assert.ok(pods.length >= 5);
    assert.doesNotMatch(JSON.stringify(pods), /verify-signature|"proof"/);
  });

  it("does not take a name in a certificate for a variable of Kubernetes", () => {
    const signer = { identity: "$(HOME)", issuer: "https://i.example", trustedRoot: "{}" };
    const told = verifierArguments({ ...proof, signer }, digestOf("a"));
    assert.ok(told.includes("--certificate-identity=$$(HOME)"), told.join(" "));
  });
});
