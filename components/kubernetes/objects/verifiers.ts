import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import { cosignArguments, type Proof } from "../../signature/proof";
import { containerSecurity, resources } from "./pods";

/** What pods verify Odoo's image by before they run it. */
export interface VerifierArgs {
  /** Image that has cosign, `repository@sha256:…`. */
  readonly image: string;
  /** What {@link verifierArguments} renders. */
  readonly arguments: pulumi.Input<string[]>;
  /** ConfigMap with the files of the proof. */
  readonly config: pulumi.Input<string>;
}

const directory = "/run/proof";
const size = { memoryMiB: 256, cpus: 1, requestedMiB: 32, requestedCpus: 0.05 } as const;

/**
 * Renders what cosign is told. The statement about the gates is by the same signer as the signature, so one look says
 * both.
 * @param digest of the image that the pod runs, `sha256:…`
 */
export function verifierArguments({ signer }: Proof, digest: string): string[] {
  // Kubernetes takes $(NAME) for a variable of its own, and two dollars for one.
  return cosignArguments(signer, "attestation", digest, directory).map((one) => one.replaceAll("$", "$$$$"));
}

/**
 * Renders the first container of a pod, which ends before any other one of it begins: without its yes there is no pod.
 * It reads files, reaches nothing, and is none of Odoo's image.
 */
export function verifierContainers(verifier: VerifierArgs | undefined): k8s.core.v1.Container[] {
  return verifier === undefined
    ? []
    : [
        {
          name: "verify-signature",
          image: verifier.image,
          args: verifier.arguments,
          resources: resources(size),
          securityContext: containerSecurity(),
          terminationMessagePolicy: "FallbackToLogsOnError",
          volumeMounts: [{ name: "proof", mountPath: directory, readOnly: true }],
        },
      ];
}

/** Renders the volume with the proof. */
export function verifierVolumes(verifier: VerifierArgs | undefined): k8s.core.v1.Volume[] {
  return verifier === undefined ? [] : [{ name: "proof", configMap: { name: verifier.config } }];
}
