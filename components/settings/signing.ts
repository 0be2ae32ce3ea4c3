import type { Settings } from "../../settings";

/** Lists what is wrong with the settings of signatures: one line each, beginning with the key. */
export function ofSigning({ gates, image }: Settings): string[] {
  const { signing, publicKey, signingKey, signer, signerIssuer, trustedRoot } = gates;
  const missing = (key: string, is: boolean, why: string) => (is ? [`gates:${key}: is missing; ${why}`] : []);
  if (signing === "key") {
    return [
      ...missing("publicKey", publicKey === "", "gates:signing key needs the key that verifies; npm run gates:key"),
      ...missing(
        "signingKey",
        signingKey === undefined && image.digest === "",
        "a stack that builds signs with it; npm run gates:key makes one",
      ),
    ];
  }
  if (signing === "keyless") {
    return [
      ...missing("signer", signer === "", "gates:signing keyless needs the name of who signs"),
      ...missing("signerIssuer", signerIssuer === "", "gates:signing keyless needs who vouches for that name"),
      ...missing("trustedRoot", trustedRoot === "", "hosts and clusters verify without a network; docs/signatures.md"),
    ];
  }
  // Whoever has set up a key and left this out believes that images are verified.
  return signingKey === undefined && publicKey === ""
    ? []
    : ["gates:signing: is none beside gates:publicKey or gates:signingKey; set it to key, or remove those"];
}

/** Warns of a stack that runs what nobody has signed. */
export function signingWarnings({
  environment,
  gates,
  image,
}: Pick<Settings, "environment" | "gates" | "image">): string[] {
  // A stack that builds tells of its gates that are off.
  if (gates.signing !== "none" && gates.sbom === "off" && image.digest !== "") {
    return ["gates:sbom is off: images run without anybody looking whether the lists of what is in them are there."];
  }
  return gates.signing !== "none" || environment === "sandbox"
    ? []
    : [
        "gates:signing is none: images run without anybody looking who has made them, and who can push to the " +
          "registry and change image:digest deploys what they like. docs/signatures.md tells how to sign.",
      ];
}
