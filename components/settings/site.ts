import { z } from "zod";

import { acmeRoots, acmeServer } from "./acme";
import { address, addresses, ranges } from "./addresses";
import { matching, whole } from "./key";

/** Values of settings that mean the same on every target: what users see of Odoo, and what the proxy lets through. */
export const site = {
  domain: address,
  aliases: addresses.default([]),
  redirectFrom: addresses.default([]),
  tls: z.enum(["acme", "internal", "files"]).default("acme"),
  acmeEmail: z.union([z.email(), z.literal("")]).default(""),
  acmeServer: acmeServer,
  acmeRoots: acmeRoots,
  tlsCertificate: matching(
    /^\s*-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/,
    "is not a certificate in PEM format",
  ),
  bodyMegabytes: whole(1, 4096).default(128),
  rpcBodyMegabytes: whole(1, 4096).default(32),
  wrongPasswords: whole(3, 1000).default(19),
  rpcCalls: whole(0, 100_000).default(3000),
  allowFrom: ranges.default([]),
  rpcAllowFrom: ranges.default([]),
  trustedProxies: ranges.default([]),
} as const;

/** Sizes of machines, and processes of Odoo. */
export const capacity = {
  size: matching(/^[a-z][a-z0-9_.]*(-[a-z0-9.]+)+$/, "is not a size such as s-2vcpu-4gb"),
  workers: z.union([z.literal(0), whole(2, 256)], "is neither 0 nor 2 to 256").default(0),
} as const;

/** Processors of a container in a cluster. */
export const containerCpus = z.number().min(0.1).max(512);
/** Memory of a container in a cluster, MiB. */
export const containerMemory = (least: number) => whole(least, 1_048_576);
