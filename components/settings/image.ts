import { z } from "zod";

import { digestText, folder, key, moduleName } from "./key";

const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/, "is not a package name");
const pin = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,_-]+\])?==[A-Za-z0-9.!+_-]+$/, "is not pinned as name==version");

/** Returns the URL without a name or a token before its host, as jobs have them: everybody can read a label. */
function withoutLogin(text: string): string {
  const url = new URL(text);
  if (url.username === "" && url.password === "") {
    return text;
  }
  url.username = "";
  url.password = "";
  return url.href;
}

/** Settings of the image. */
export const imageKeys = {
  "image:digest": key(
    "text",
    digestText,
    "`sha256:…`, or empty",
    "Digest to deploy. Set: nothing is built and the digest must exist in the registry. Empty: the image is " +
      "built from this tree.",
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
    "Record of the base image: reference, tag, digest, date, Odoo series, uid and gid. The build fails if the " +
      "base is not as recorded.",
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
    "Folders of OCA modules to bake into `/mnt/oca-addons`. A module in them that is wrong, and that nobody needs, " +
      "is left out. A mount there is for development: no release runs with one.",
  ),
  "image:repos": key(
    "text",
    z.union([folder, z.literal("")]).default(""),
    "path of a YAML file in the project, or empty",
    "`repos.yaml` of git-aggregator: repositories that the build fetches, each at one commit. Of their modules is " +
      "taken what is taken of `image:ocaAddons`.",
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
    "Platform of the image, and of the Docker engine that builds it. `linux/arm64` is for hosts that are no Droplet.",
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
    z.union([z.url().transform(withoutLogin), z.literal("")]).default(""),
    "a URL, or empty",
    "Address of the source repository, for the label `org.opencontainers.image.source`.",
  ),
} as const;
