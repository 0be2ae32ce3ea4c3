import { z } from "zod";

import { folder, key, matching, secretText, whole } from "./key";

/** Whether a gate runs. */
function gate(what: string) {
  return key(
    "text",
    z.enum(["required", "off"]).default("required"),
    "`required` or `off`",
    `${what} \`off\`: each update and the report say that it was not checked.`,
  );
}

/** Settings of the gates: what an image must earn before it is released. */
export const gatesKeys = {
  "gates:imageMegabytes": key(
    "data",
    whole(100, 100_000).default(2000),
    "megabytes, 100 to 100000",
    "Size of the unpacked image above which it is not released.",
  ),
  "gates:tests": gate("Tests of your own modules, with what bandit and pip-audit find."),
  "gates:coverage": key(
    "data",
    whole(0, 100).default(75),
    "percent, 0 to 100",
    "Lines of your own installed modules that their tests must reach. 0: they are counted, and none is required.",
  ),
  "gates:validation": gate(
    "The pushed image on a new database, which it must install and serve, and on a filled one of the release before.",
  ),
  "gates:scan": gate("Known vulnerabilities of the image, by Trivy."),
  "gates:malware": gate("Malware in the layers that we add to the base image, by ClamAV."),
  "gates:sbom": gate(
    "Lists of what the image is made of, by Syft: SPDX and CycloneDX. Where releases are signed, no image is " +
      "deployed that does not have them in the registry ([how](signatures.md)).",
  ),
  "gates:unfixed": key(
    "text",
    z.enum(["report", "fail"]).default("report"),
    "`report` or `fail`",
    "Whether a HIGH or CRITICAL vulnerability that has no fix yet stops a release, too.",
  ),
  "gates:exceptions": key(
    "text",
    folder.or(z.literal("")).default(""),
    "path of a YAML file in the project, or empty",
    "Vulnerabilities that are let pass for at most 90 days, each with a reason ([how](vulnerabilities.md)).",
  ),
  "gates:databaseFrom": key(
    "text",
    matching(/^(oci:\/\/[\w.-]+(:\d+)?(\/[\w.-]+)+(:[\w.-]+)?|[\w./-]+)$/, "is neither oci://… nor a folder"),
    "`oci://host/repository:tag`, a folder, or empty",
    "Where Trivy's database of known vulnerabilities is had. Empty: from its makers. `oci://`: from a mirror. " +
      "A folder has `db/trivy.db` and `db/metadata.json` in it, and somebody keeps it new.",
  ),
  "gates:databaseDays": key(
    "data",
    whole(1, 90).default(2),
    "days, 1 to 90",
    "How old that database, and ClamAV's signatures, may be.",
  ),
  "gates:signaturesFrom": key(
    "text",
    matching(/^[\w./-]+$/, "is not a folder"),
    "a folder, or empty",
    "Where ClamAV's signatures lie. Empty: where freshclam puts them.",
  ),
  "gates:signing": key(
    "text",
    z.enum(["none", "key", "keyless"]).default("none"),
    "`none`, `key` or `keyless`",
    "How a release is signed, and verified before anything runs it ([how](signatures.md)). `none`: not at all.",
  ),
  "gates:publicKey": key(
    "text",
    matching(/^[\w./-]+$|^\s*-----BEGIN PUBLIC KEY-----/, "is neither a path nor a public key"),
    "public keys in PEM, or the path of a file with them in the project",
    "Whose signature counts, with `gates:signing` `key`. Any of several does, so that a changed key leaves what the " +
      "earlier one has signed.",
  ),
  "gates:signingKey": key(
    "text",
    secretText,
    "a secret: a key of cosign's in PEM, its path, or the address of one in a KMS, such as `awskms://…`",
    "What a stack that builds signs with.",
    true,
  ),
  "gates:signingPassword": key("text", secretText, "a secret", "Password of that key.", true),
  "gates:signer": key(
    "text",
    z.string().default(""),
    "a name as the certificate has it, such as a workflow's address",
    "Who signs, with `gates:signing` `keyless`.",
  ),
  "gates:signerIssuer": key(
    "text",
    matching(/^https:\/\/\S+$/, "is not an https address"),
    "an address such as `https://token.actions.githubusercontent.com`",
    "Who vouches for that name.",
  ),
  "gates:trustedRoot": key(
    "text",
    folder.or(z.literal("")).default(""),
    "path of a file in the project",
    "Sigstore's `trusted_root.json`, by which targets verify without a network, with `gates:signing` `keyless`.",
  ),
} as const;
