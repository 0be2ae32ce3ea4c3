import { isIP } from "node:net";

import { z } from "zod";

import { matching } from "./key";

const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A host's name in lower case, or its IP address; empty if not set. */
export const address = z
  .string()
  // A name that consists of digits and dots alone is a mistyped IP address.
  .refine(
    (text) => text === "" || isIP(text) !== 0 || (hostName.test(text) && !/^[\d.]+$/.test(text)),
    "is neither a host name nor an IP address",
  )
  .default("");

/** Ranges of addresses, IPv4 or IPv6. */
export const ranges = z.array(z.union([z.cidrv4(), z.cidrv6()], "is not an address range such as 203.0.113.7/32"));

/** A public key as ssh-keyscan prints it, without the host's name before it. */
export const hostKey = matching(
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) AAAA[A-Za-z0-9+/]+={0,2}$/,
  "is not an SSH host key such as ssh-ed25519 AAAA…",
);
