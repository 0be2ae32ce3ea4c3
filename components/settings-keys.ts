import { z } from "zod";

import { isDigest } from "./image-reference";

/** One configuration key: how its text in the stack file is read, what is allowed, what it means. */
export interface Key<S extends z.ZodType = z.ZodType> {
  /** `text`: the value as it stands. `data`: a list, number or boolean, as YAML or JSON. */
  readonly form: "text" | "data";
  readonly schema: S;
  /** One or two sentences for the reference in docs/configuration.md. */
  readonly doc: string;
  /** What may stand there, for the reference and for messages. */
  readonly allowed: string;
  /** Refused when it stands in plain in a stack file. */
  readonly secret?: boolean;
}

const folder = z.string().regex(/^(?!\/)(?!.*\.\.)[\w./-]+$/, "is not a path inside the project");
const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/, "is not a package name");
const moduleName = z.string().regex(/^[a-z][a-z0-9_]*$/, "is not a module name");
const pin = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,_-]+\])?==[A-Za-z0-9.!+_-]+$/, "is not pinned as name==version");

function key<S extends z.ZodType>(form: Key["form"], schema: S, allowed: string, doc: string, secret?: boolean): Key<S> {
  return { form, schema, allowed, doc, ...(secret === undefined ? {} : { secret }) };
}

/**
 * Every configuration key of the program. The types of `Settings`, the validation, the reference in docs/configuration.md and the
 * refusal of unknown keys all come from this table.
 */
export const settingsKeys = {
  "odoo:environment": key(
    "text",
    z.enum(["sandbox", "staging", "production"]),
    "`sandbox`, `staging` or `production`",
    "What the stack is. Staging builds images; production deploys a digest that staging released and never builds.",
  ),

  "registry:kind": key(
    "text",
    z.enum(["digitalocean", "ghcr", "generic"]),
    "`digitalocean`, `ghcr` or `generic`",
    "Whose registry holds the images: DigitalOcean's (DOCR), GitHub's, or any other that speaks the OCI distribution API.",
  ),
  "registry:host": key(
    "text",
    z
      .string()
      .regex(/^[a-z0-9.-]+(:\d+)?$/, "is not host or host:port")
      .or(z.literal(""))
      .default(""),
    "host or host:port, or empty",
    "Where the registry answers; empty: `registry.digitalocean.com` or `ghcr.io`, by its kind. Over HTTPS, except on loopback addresses, as in Docker.",
  ),
  "registry:repository": key(
    "text",
    z.string().regex(/^[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)+$/, "is not namespace/name in lower case"),
    "namespace/name",
    "Repository of the image. For DigitalOcean the namespace is the name of the registry.",
  ),
  "registry:ownership": key(
    "text",
    z.enum(["create", "adopt"]).default("adopt"),
    "`create` or `adopt`",
    "`create`: this stack makes the DigitalOcean registry and protects it. `adopt`: it is there already. One stack creates, all others adopt.",
  ),
  "registry:tier": key(
    "text",
    z.enum(["starter", "basic", "professional"]).default("basic"),
    "`starter`, `basic` or `professional`",
    "Subscription of a created DigitalOcean registry; it decides storage and the number of repositories.",
  ),
  "registry:region": key(
    "text",
    z
      .string()
      .regex(/^([a-z]{3}\d)?$/, "is not a region such as fra1")
      .default(""),
    "a DigitalOcean region such as `fra1`, or empty",
    "Region of a created DigitalOcean registry; empty leaves the choice to DigitalOcean.",
  ),
  "registry:username": key("text", z.string().default(""), "text", "User for a `ghcr` or `generic` registry. DigitalOcean needs none."),
  "registry:password": key(
    "text",
    z.string().default(""),
    "a secret",
    "Password or token for a `ghcr` or `generic` registry, instead of the variables `GHCR_TOKEN` and `REGISTRY_PASSWORD`.",
    true,
  ),
  "registry:pushSeconds": key(
    "data",
    z.number().int().min(600).max(86400).default(7200),
    "seconds, 600 to 86400",
    "How long the push credentials of one update stay valid on DigitalOcean, at least; up to an hour longer. Longer than the longest build.",
  ),
  "registry:pullDays": key(
    "data",
    z.number().int().min(60).max(365).default(90),
    "days, 60 to 365",
    "How long read-only pull credentials stay valid on DigitalOcean. They are renewed by the first update of each month.",
  ),

  "image:digest": key(
    "text",
    z
      .string()
      .refine((text) => text === "" || isDigest(text), "is not sha256: and 64 hexadecimal digits")
      .default(""),
    "`sha256:…`, or empty",
    "Digest to deploy. Set: nothing is built and the digest must exist in the registry. Empty: the image is built from this tree.",
  ),
  "image:flavour": key(
    "text",
    z.enum(["delta"]).default("delta"),
    "`delta`",
    "How Odoo gets into the image. `delta` builds on the official image.",
  ),
  "image:baseRecord": key(
    "text",
    folder.default("images/odoo/base-image.json"),
    "path of a JSON file in the project",
    "Record of the base image: reference, tag, digest, date, Odoo series, uid and gid. The build fails if the base is not as recorded.",
  ),
  "image:addons": key(
    "data",
    z.array(folder).min(1).default(["addons"]),
    "list of folders in the project",
    "Folders of your own modules; each module in them is baked in.",
  ),
  "image:ocaAddons": key(
    "data",
    z.array(folder).default([]),
    "list of folders in the project",
    "Folders of OCA modules to bake into `/mnt/oca-addons`. Empty: that folder is left for a mount.",
  ),
  "image:modules": key(
    "data",
    z.array(moduleName).default([]),
    "list of module names",
    "Modules that the image must contain; one that is missing fails the build.",
  ),
  "image:pythonPackages": key(
    "data",
    z.array(pin).default([]),
    "list of name==version",
    "Python packages beyond those of the `requirements.txt` files.",
  ),
  "image:systemPackages": key(
    "data",
    z.array(word).default([]),
    "list of package names",
    "Debian or Ubuntu packages to install: fonts, libraries.",
  ),
  "image:locales": key(
    "data",
    z.array(z.string().regex(/^[A-Za-z_@.0-9-]+$/, "is not a locale")).default([]),
    'list such as ["de_DE.UTF-8"]',
    "Locales to generate beside those of the base image.",
  ),
  "image:postgresqlClient": key(
    "data",
    z.number().int().min(12).max(30).default(15),
    "a major version",
    "The PostgreSQL client in the image must be at least this major version: no older than your server.",
  ),
  "image:wkhtmltopdf": key(
    "text",
    z
      .string()
      .regex(/^[0-9.]*$/, "is not a version")
      .default("0.12.6"),
    "a version or its beginning",
    "Version of wkhtmltopdf that the image must contain, since PDF layouts depend on it.",
  ),
  "image:caFile": key(
    "text",
    z.union([folder, z.literal("")]).default(""),
    "path of a PEM file in the project, or empty",
    "Extra certificate authority for the build, for networks with an intercepting proxy. It does not reach the image.",
  ),
  "image:platform": key(
    "text",
    z.enum(["linux/amd64", "linux/arm64"]).default("linux/amd64"),
    "`linux/amd64` or `linux/arm64`",
    "Platform of the image.",
  ),
  "image:epoch": key(
    "text",
    z
      .string()
      .regex(/^[\w.-]+$/, "is not a word")
      .default("1"),
    "a word, such as a date",
    "Raised by the weekly security rebuild: another value installs system packages afresh.",
  ),
  "image:source": key(
    "text",
    z.union([z.url(), z.literal("")]).default(""),
    "a URL, or empty",
    "Address of the source repository, for the label `org.opencontainers.image.source`.",
  ),
} as const;
