import { z } from "zod";

import { key } from "./key";

/** Settings of the registry that holds the images. */
export const registryKeys = {
  "registry:kind": key(
    "text",
    z.enum(["digitalocean", "ghcr", "generic"]),
    "`digitalocean`, `ghcr` or `generic`",
    "Whose registry holds the images: DigitalOcean's (DOCR), GitHub's, or any other that speaks the OCI " +
      "distribution API.",
  ),
  "registry:host": key(
    "text",
    z
      .string()
      .regex(/^[a-z0-9.-]+(:\d+)?$/, "is not host or host:port")
      .or(z.literal(""))
      .default(""),
    "host or host:port, or empty",
    "Where the registry answers; empty: `registry.digitalocean.com` or `ghcr.io`, by its kind. Over HTTPS, " +
      "except on loopback addresses, as in Docker.",
  ),
  "registry:tokenHost": key(
    "text",
    z
      .string()
      .regex(/^[a-z0-9.-]+(:\d+)?$/, "is not host or host:port")
      .or(z.literal(""))
      .default(""),
    "host or host:port, or empty",
    "Host that makes the registry's tokens, if it is not the registry's own or a domain above it: a GitLab of " +
      "your own may have its registry beside it. " +
      "The login is sent nowhere else, whatever the registry answers.",
  ),
  "registry:repository": key(
    "text",
    z
      .string()
      .regex(/^[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)+$/, "is not namespace/name in lower case"),
    "namespace/name",
    "Repository of the image. For DigitalOcean the namespace is the name of the registry.",
  ),
  "registry:ownership": key(
    "text",
    z.enum(["create", "adopt"]).default("adopt"),
    "`create` or `adopt`",
    "`create`: this stack makes the DigitalOcean registry and protects it. `adopt`: it is there already. One " +
      "stack creates, all others adopt.",
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
  "registry:username": key(
    "text",
    z.string().default(""),
    "text",
    "User for a `ghcr` or `generic` registry. DigitalOcean needs none.",
  ),
  "registry:password": key(
    "text",
    z.string().default(""),
    "a secret",
    "Password or token for a `ghcr` or `generic` registry, instead of the variables `GHCR_TOKEN` and " +
      "`REGISTRY_PASSWORD`.",
    true,
  ),
  "registry:pullUsername": key(
    "text",
    z.string().default(""),
    "text",
    "User that host and cluster pull with from a `ghcr` or `generic` registry. DigitalOcean needs none.",
  ),
  "registry:pullPassword": key(
    "text",
    z.string().default(""),
    "a secret",
    "Password or token that may only read, for host and cluster; instead of the variable " +
      "`REGISTRY_PULL_PASSWORD`. Without it they hold the push login: " +
      "each update warns, and production is refused.",
    true,
  ),
  "registry:pushSeconds": key(
    "data",
    z.number().int().min(600).max(86400).default(7200),
    "seconds, 600 to 86400",
    "How long the push credentials of one update stay valid on DigitalOcean, at least; up to an hour longer. " +
      "Longer than the longest build.",
  ),
  "registry:pullDays": key(
    "data",
    z.number().int().min(60).max(365).default(90),
    "days, 60 to 365",
    "How long read-only pull credentials stay valid on DigitalOcean. They are renewed by the first update of " +
      "each month.",
  ),
} as const;
