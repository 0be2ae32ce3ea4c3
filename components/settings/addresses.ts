import { isIP } from "node:net";

import { z } from "zod";

import { splitWayOut } from "../shared/egress";
import { matching } from "./key";

const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A host's name, which comes out in lower case, or its IP address; empty if not set. */
export const address = z
  .string()
  .toLowerCase()
  .refine((text) => text === "" || isAddress(text), "is neither a host name nor an IP address")
  .default("");

/** Hosts' names, in lower case, or IP addresses. */
export const addresses = z.array(
  z.string().toLowerCase().refine(isAddress, "has what is neither a host name nor an IP address"),
);

/** A name that consists of digits and dots alone is a mistyped IP address. */
function isAddress(text: string): boolean {
  return isIP(text) !== 0 || (hostName.test(text) && !/^[\d.]+$/.test(text));
}

const range = z.union([z.cidrv4(), z.cidrv6()], "is not an address range such as 203.0.113.7/32");

/** Ranges of addresses, IPv4 or IPv6. */
export const ranges = z.array(range);

/** Ranges with a port each. Firewalls know addresses, so a name is not taken. */
export const waysOut = z.array(
  z.string().refine((text) => {
    const split = splitWayOut(text);
    return split !== undefined && range.safeParse(split.range).success && split.port >= 1 && split.port <= 65535;
  }, "is not an address range and a port such as 203.0.113.7/32:443"),
);

/** A public key as ssh-keyscan prints it, without the host's name before it. */
export const hostKey = matching(
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) AAAA[A-Za-z0-9+/]+={0,2}$/,
  "is not an SSH host key such as ssh-ed25519 AAAA…",
);
