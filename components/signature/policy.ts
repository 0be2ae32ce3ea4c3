import { createPublicKey } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import type { Settings } from "../../settings";
import { ShipError } from "../shared/errors";
import { type NamedSecrets, textsOfUpdate } from "../shared/secret-desk";
import { Secret } from "../shared/secret";
import type { Signers } from "./proof";

const pem = /-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----/g;

/**
 * Reads whose signature counts for this stack.
 * @returns undefined for `gates:signing` none
 * @throws ShipError SETTINGS_INVALID for a file that is not there or is something else
 */
export function signersOf(root: string, { gates }: Pick<Settings, "gates">): Signers | undefined {
  switch (gates.signing) {
    case "none":
      return undefined;
    case "key":
      return publicKeys(root, gates.publicKey).map((publicKey) => ({ publicKey }));
    case "keyless":
      return [{ identity: gates.signer, issuer: gates.signerIssuer, trustedRoot: rootsIn(root, gates.trustedRoot) }];
  }
}

/** Whether a signed image needs the lists of what is in it, in the registry beside it. */
export function wantsSbom({ gates }: Pick<Settings, "gates">): boolean {
  return gates.sbom === "required";
}

function publicKeys(root: string, given: string): string[] {
  const text = given.includes("-----BEGIN") ? given : read(root, "publicKey", given);
  const found = text.match(pem) ?? [];
  if (found.length === 0 || !found.every(isKey)) {
    throw invalid("publicKey", "no public key in PEM (-----BEGIN PUBLIC KEY-----)");
  }
  return found.map((one) => `${one}\n`);
}

function isKey(text: string): boolean {
  try {
    return createPublicKey(text).type === "public";
  } catch {
    return false;
  }
}

function rootsIn(root: string, file: string): string {
  const text = read(root, "trustedRoot", file);
  try {
    const { mediaType } = JSON.parse(text) as { mediaType?: unknown };
    if (typeof mediaType === "string" && mediaType.startsWith("application/vnd.dev.sigstore.trustedroot")) {
      return text;
    }
  } catch {
    // Told below.
  }
  throw invalid("trustedRoot", `${file} is no trusted_root.json of Sigstore`);
}

function read(root: string, key: string, file: string): string {
  const place = path.resolve(root, file);
  if (!place.startsWith(`${path.resolve(root)}${path.sep}`)) {
    throw invalid(key, `${file} is not in the project`);
  }
  try {
    return fs.readFileSync(place, "utf8");
  } catch (error) {
    throw invalid(key, error instanceof Error ? error.message : String(error));
  }
}

function invalid(key: string, found: string): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: `gates:${key} cannot be used`,
    found,
    expected:
      key === "publicKey"
        ? "the public half of gates:signingKey, or a file in the project that has it"
        : "a file in the project with the certificates and logs that count",
    remedy: "docs/signatures.md tells where it comes from; npm run gates:key makes a pair of keys",
  });
}

const names = { key: "gates:signingKey", password: "gates:signingPassword" };

/** Names what signs for the stack's desk; none where nothing is signed. */
export function signingSecrets({ gates }: Pick<Settings, "gates">): NamedSecrets {
  const { signing, signingKey, signingPassword } = gates;
  return signing === "key" && signingKey !== undefined
    ? { [names.key]: signingKey, [names.password]: signingPassword ?? new Secret("") }
    : {};
}

/** The same, fetched from the update that runs; undefined where it has none, as with `gates:signing` keyless. */
export async function signingLogin(stack: string): Promise<{ key: Secret; password: Secret } | undefined> {
  const { [names.key]: key, [names.password]: password = "" } = await textsOfUpdate(stack);
  return key === undefined ? undefined : { key: new Secret(key), password: new Secret(password) };
}
