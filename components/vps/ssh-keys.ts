import { createHash } from "node:crypto";

import { type ServerHostKeyAlgorithm, utils } from "ssh2";

import { ShipError } from "../shared/errors";
import type { Secret } from "../shared/secret";

/**
 * Returns the public half of a private key, `ssh-ed25519 AAAA…`.
 * @throws ShipError SETTINGS_INVALID for a text that is no private key, or one with a passphrase
 */
export function publicKeyOf(privateKey: Secret): string {
  const parsed = utils.parseKey(privateKey.reveal());
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error || !key.isPrivateKey()) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "the private key for the host cannot be used",
      found: key instanceof Error ? key.message : "a text that is no private key",
      expected: "a private key in OpenSSH's format, without a passphrase",
      remedy:
        "make one with: ssh-keygen -t ed25519 -N '' -f <file>, and set vps:privateKey or VPS_SSH_PRIVATE_KEY to " +
        "the file's text",
    });
  }
  return textOf(key.getPublicSSH());
}

/** Returns `SHA256:…` of a host key, as `ssh-keygen -lf` shows it. */
export function fingerprint(hostKey: string): string {
  return `SHA256:${createHash("sha256").update(blobOf(hostKey)).digest("base64").replace(/=+$/, "")}`;
}

/** Returns `aa:bb:…`, by which DigitalOcean knows a public key. */
export function md5Fingerprint(publicKey: string): string {
  return createHash("md5")
    .update(blobOf(publicKey))
    .digest("hex")
    .replaceAll(/..(?!$)/g, "$&:");
}

export function blobOf(hostKey: string): Buffer {
  return Buffer.from(hostKey.trim().split(/\s+/)[1] ?? "", "base64");
}

export function textOf(blob: Buffer): string {
  const length = blob.readUInt32BE(0);
  return `${blob.subarray(4, 4 + length).toString("ascii")} ${blob.toString("base64")}`;
}

export function sameKey(a: string, b: string): boolean {
  return blobOf(a).equals(blobOf(b));
}

export function keyType(hostKey: string): string {
  const [type = ""] = hostKey.trim().split(/\s+/);
  const parsed = utils.parseKey(hostKey);
  if (parsed instanceof Error) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "the host key cannot be used",
      found: JSON.stringify(hostKey.slice(0, 60)),
      expected: "one line such as: ssh-ed25519 AAAA…",
      remedy: "set vps:hostKey to the line that this prints on the host itself: cat /etc/ssh/ssh_host_ed25519_key.pub",
    });
  }
  return type;
}

/** Lists the algorithms of a type: an RSA key signs with algorithms of other names than its own. */
export function algorithmsOf(type: string): ServerHostKeyAlgorithm[] {
  return type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type as ServerHostKeyAlgorithm];
}
