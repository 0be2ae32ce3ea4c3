import { X509Certificate } from "node:crypto";

import { z } from "zod";

import { matching } from "./key";

// Nothing that means something to the proxy's configuration: no spaces, quotes or braces.
const directory = /^https:\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?\/[\w.~%/?=&-]+$/;

/** URL of an ACME directory; empty: Let's Encrypt's. */
export const acmeServer = matching(directory, "is not the https URL of an ACME directory").refine(
  (text) => text === "" || URL.canParse(text),
  "is not the https URL of an ACME directory",
);

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** One or several certificates in PEM format and nothing else, least of all a key; or empty. The proxy does not start with any other text. */
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

/** Whether the authority certifies public names only, as far as one can know: Let's Encrypt, in production or staging. */
export function certifiesPublicNames(server: string): boolean {
  return server === "" || new URL(server).hostname.endsWith(".letsencrypt.org");
}
