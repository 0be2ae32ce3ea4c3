import { z } from "zod";

import { address, hostKey, ranges } from "./addresses";
import { folder, key, matching, secretText, whole } from "./key";
import { capacity, site } from "./site";

const cpus = z.number().min(0).max(512);

/** Settings of the VPS: the host, what users see of it, and how its memory is shared out. */
export const vpsKeys = {
  "vps:mode": key(
    "text",
    z.enum(["none", "create", "adopt"]).default("none"),
    "`none`, `create` or `adopt`",
    "`create`: this stack makes a DigitalOcean Droplet. `adopt`: a host that is there already. `none`: this " +
      "stack has no VPS.",
  ),

  "vps:domain": key(
    "text",
    site.domain,
    "a host name or an IP address",
    "What users type: Odoo answers at `https://<domain>`. Required with a VPS. Its DNS record must lead to the host.",
  ),
  "vps:aliases": key(
    "data",
    site.aliases,
    'list such as ["shop.example.org"]',
    "Other names under which the same Odoo answers, as for a second website. Each needs a DNS record of its own, " +
      "and a certificate is had for each.",
  ),
  "vps:redirectFrom": key(
    "data",
    site.redirectFrom,
    'list such as ["www.example.com"]',
    "Names from which everybody is sent on to `vps:domain`, to the same page. Otherwise as `vps:aliases`.",
  ),
  "vps:tls": key(
    "text",
    site.tls,
    "`acme`, `internal` or `files`",
    "Where the certificate comes from. `acme`: an authority on the Internet, by itself; Let's Encrypt unless " +
      "`vps:acmeServer` names another. `internal`: an authority on the host, for tests. `files`: the two keys " +
      "below.",
  ),
  "vps:acmeEmail": key("text", site.acmeEmail, "an e-mail address, or empty", "Contact for the certificate authority."),
  "vps:acmeServer": key(
    "text",
    site.acmeServer,
    "an https URL, or empty",
    "With `acme`: directory of the authority. Empty: Let's Encrypt. " +
      "`https://acme-staging-v02.api.letsencrypt.org/directory` is its staging, for a first try: no limits worth " +
      "mentioning, and no browser trusts it.",
  ),
  "vps:acmeRoots": key(
    "text",
    site.acmeRoots,
    "PEM text, or empty",
    "Certificates that `vps:acmeServer` itself is believed by, and no others: for a company's own authority. " +
      "Empty: the public ones.",
  ),
  "vps:tlsCertificate": key(
    "text",
    site.tlsCertificate,
    "PEM text",
    "With `files`: the certificate and its intermediates.",
  ),
  "vps:tlsKey": key("text", secretText, "a secret, PEM text", "With `files`: the certificate's private key.", true),
  "vps:bodyMegabytes": key(
    "data",
    site.bodyMegabytes,
    "megabytes, 1 to 4096",
    "Largest request that the proxy accepts: the largest attachment or import. The proxy keeps it on disk until " +
      "it is whole. 64 kB at the login, and 1 MB from who has neither a session nor a key.",
  ),
  "vps:rpcBodyMegabytes": key(
    "data",
    site.rpcBodyMegabytes,
    "megabytes, 1 to 4096",
    "Largest call by XML-RPC or JSON-RPC: what a program imports at once, or the largest e-mail that a mail " +
      "gateway hands over.",
  ),
  "vps:wrongPasswords": key(
    "data",
    site.wrongPasswords,
    "3 to 1000",
    "Wrong passwords that one address may send within a minute: the next is refused with status 429 and not " +
      "asked of Odoo. Right ones do not count. The login page counts for itself, and so do calls by programs.",
  ),
  "vps:rpcCalls": key(
    "data",
    site.rpcCalls,
    "0 to 100000",
    "Calls by XML-RPC or JSON-RPC that one address may send within a minute; 0: any number. 3000 are fifty a " +
      "second, more than Odoo's few workers answer for long: it stops a program that runs wild, not one that " +
      "works.",
  ),
  "vps:allowFrom": key(
    "data",
    site.allowFrom,
    'list such as ["203.0.113.0/24"]',
    "Who may use Odoo at all, by address; others get status 403. Empty: everybody. The certificate authority's " +
      "question is answered to everybody.",
  ),
  "vps:rpcAllowFrom": key(
    "data",
    site.rpcAllowFrom,
    'list such as ["203.0.113.7/32"]',
    "Who may call by XML-RPC and JSON-RPC (`/xmlrpc`, `/jsonrpc`, `/json/2`), by address; others get status 403. " +
      "Empty: all of `vps:allowFrom`. There is no second factor on these.",
  ),
  "vps:trustedProxies": key(
    "data",
    site.trustedProxies,
    'list such as ["173.245.48.0/20"]',
    "Ranges of a proxy of others in front, such as Cloudflare. From these alone `X-Forwarded-For` tells who the " +
      "client is; without them all its clients share its addresses. Empty: nobody is in front.",
  ),

  "vps:name": key(
    "text",
    z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/, "is not a name of lower-case letters, digits and hyphens")
      .default("odoo"),
    "lower-case letters, digits and `-`",
    "Name of the Droplet, and the beginning of the names of what belongs to it.",
  ),
  "vps:region": key(
    "text",
    matching(/^[a-z]{3}\d$/, "is not a region such as fra1"),
    "a region such as `fra1`",
    "Region of a created Droplet. Required for `create`.",
  ),
  "vps:size": key(
    "text",
    capacity.size,
    "a size such as `s-2vcpu-4gb`",
    "Size of a created Droplet. Required for `create`. 2 GB of memory are the least.",
  ),
  "vps:image": key(
    "text",
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]*$/, "is not the name of an image")
      .default("ubuntu-24-04-x64"),
    "the name of a DigitalOcean image",
    "Operating system of a created Droplet: Ubuntu or Debian.",
  ),
  "vps:sshFrom": key(
    "data",
    ranges.default([]),
    'list such as ["203.0.113.7/32"]',
    "Who may reach port 22 of a created Droplet: your office, your CI runner. Required for `create`. With " +
      "everybody in it, each update warns.",
  ),
  "vps:backups": key(
    "data",
    z.boolean().default(false),
    "`true` or `false`",
    "DigitalOcean's weekly backups of the Droplet's own disk. The data are on the Volume.",
  ),
  "vps:monitoring": key(
    "data",
    z.boolean().default(true),
    "`true` or `false`",
    "DigitalOcean's monitoring agent on a created Droplet.",
  ),
  "vps:volumeGiB": key(
    "data",
    whole(0, 16384).default(50),
    "GiB, 0 to 16384",
    "Size of the Volume that holds database, filestore and certificates of a created Droplet. 0: none, and the " +
      "data go with the Droplet.",
  ),
  "vps:allowDestroy": key(
    "data",
    z.boolean().default(false),
    "`true` or `false`",
    "Lifts the protection of what holds data, for `pulumi destroy`. Needs an update before it is felt.",
  ),

  "vps:host": key(
    "text",
    address,
    "a host name or an IP address",
    "Where the host answers by SSH. Required for `adopt`.",
  ),
  "vps:port": key("data", whole(1, 65535).default(22), "1 to 65535", "Port of SSH on the host."),
  "vps:user": key(
    "text",
    z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "is not a user name")
      .default("root"),
    "a user name",
    "Who logs in: root, or a user who may use `sudo` without a password.",
  ),
  "vps:hostKey": key(
    "text",
    hostKey,
    "`ssh-ed25519 AAAA…`",
    "The host's SSH key: no other host is talked to. Required for `adopt`: `ssh-keyscan -t ed25519 <host>`, compared.",
  ),
  "vps:privateKey": key(
    "text",
    secretText,
    "a secret",
    "Private SSH key for the login, without a passphrase; instead of the variable `VPS_SSH_PRIVATE_KEY`.",
    true,
  ),
  "vps:memoryMiB": key(
    "data",
    z.union([z.literal(0), whole(512, 16_777_216)], "is neither 0 nor 512 to 16777216").default(0),
    "MiB, or 0",
    "Memory of the host. 0: by `vps:size`, or as measured on an adopted host.",
  ),
  "vps:cpus": key(
    "data",
    cpus.default(0),
    "a number, or 0",
    "Processors of the host. 0: by `vps:size`, or as measured on an adopted host.",
  ),

  "vps:workers": key(
    "data",
    capacity.workers,
    "2 to 256, or 0",
    "Processes that answer requests. 0: as many as fit. At least two, since a PDF report asks Odoo for its own " +
      "style sheets.",
  ),
  "vps:cronThreads": key(
    "data",
    whole(0, 16).default(0),
    "1 to 16, or 0",
    "Processes for scheduled jobs. 0: two, on a small host one.",
  ),
  "vps:odooMemoryMiB": key(
    "data",
    z.union([z.literal(0), whole(512, 1_048_576)], "is neither 0 nor 512 to 1048576").default(0),
    "MiB, 512 or more, or 0",
    "Memory limit of Odoo. 0: 2048, on a small host what is left.",
  ),
  "vps:odooCpus": key(
    "data",
    cpus.default(0),
    "a number, or 0",
    "Processor limit of Odoo. 0: two, or what the host has.",
  ),
  "vps:egress": key(
    "data",
    ranges.default(["0.0.0.0/0"]),
    'list such as ["203.0.113.0/24"]',
    "Where Odoo may connect to: mail, banks, other services. The whole Internet by default; never private " +
      "addresses, unless a range here lies within them, and never the host itself. The proxy may reach its " +
      "certificate authority besides: docs/vps.md.",
  ),
  "vps:logging": key(
    "text",
    z.enum(["json-file", "fluentd"]).default("json-file"),
    "`json-file` or `fluentd`",
    "Where the containers' logs go: to files on the host, 5 of 100 MB each, or to Fluentd.",
  ),
  "vps:fluentdAddress": key(
    "text",
    matching(/^([a-z0-9.-]+|\[[0-9a-f:]+\]):\d{1,5}$/, "is not host:port"),
    "host:port",
    "Where Fluentd answers, seen from the host. Required for `fluentd`.",
  ),
  "vps:fluentdTag": key(
    "text",
    z
      .string()
      .regex(/^[\w.-]+$/, "is not a tag of letters, digits, dots and hyphens")
      .default("odoo"),
    "a tag",
    "Beginning of the tag of each message; the service's name follows.",
  ),
  "vps:imagesRecord": key(
    "text",
    folder.default("images/vps-images.json"),
    "path of a JSON file in the project",
    "Record of the images of PostgreSQL and of the proxy: reference, tag, digest and date of each.",
  ),
} as const;
