import { z } from "zod";

import { folder, key, matching, secretText, whole } from "./key";

/** Settings of the gates: what an image must earn before it is released. */
export const gatesKeys = {
  "gates:imageMegabytes": key(
    "data",
    whole(100, 100_000).default(2000),
    "megabytes, 100 to 100000",
    "Size of the unpacked image above which it is not released.",
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
