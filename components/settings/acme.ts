import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

import { z } from "zod";

import { matching } from "./key";

// The text must mean nothing to the proxy's configuration: no spaces, quotes or braces.
const directory = /^https:\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?\/[\w.~%/?=&-]+$/;

/** URL of an ACME directory; empty: Let's Encrypt's. */
export const acmeServer = matching(directory, "is not the https URL of an ACME directory").refine(
  (text) => text === "" || URL.canParse(text),
  "is not the https URL of an ACME directory",
);

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * One or several certificates in PEM format and nothing else, least of all a key; or empty. With any other text the
 * proxy would not start.
 */
export const acmeRoots = z
  .string()
  .refine((text) => text === "" || areCertificates(text), "is not certificates in PEM format alone")
  .default("");

function areCertificates(text: string): boolean {
  const blocks = text.match(block) ?? [];
  return blocks.length > 0 && text.replaceAll(block, "").trim() === "" && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== "";
  } catch {
    return false;
  }
}

/**
 * Names that nobody owns (RFC 6761, RFC 6762, RFC 8375, and `.internal`). For some of them the proxy would silently use
 * an authority of its own.
 */
const unowned = /(^|\.)(internal|local|localhost|home\.arpa|test|example|invalid)$/;

/**
 * Tells whether the authority may certify the name, as far as that can be known. Let's Encrypt certifies public names;
 * another authority may certify any.
 */
export function mayCertify(server: string, domain: string): boolean {
  const publicOnly = server === "" || new URL(server).hostname.endsWith(".letsencrypt.org");
  return !publicOnly || (isIP(domain) === 0 && domain.includes(".") && !unowned.test(domain));
}

/** Tells whether a certificate is for the name; of one that cannot be read, that is told elsewhere. */
export function isFor(certificate: string, name: string): boolean {
  try {
    const parsed = new X509Certificate(certificate);
    return (isIP(name) === 0 ? parsed.checkHost(name) : parsed.checkIP(name)) !== undefined;
  } catch {
    return true;
  }
}
