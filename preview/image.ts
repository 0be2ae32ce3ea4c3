import { z } from "zod";

import { shortDigest } from "../releases/words";
import type { BakedModules } from "../releases/images";
import type { Snapshot } from "./snapshot";

/** What is in the image that a stack would have. */
export interface ImageFacts {
  /** Names its content: a content hash, or the digest that is deployed by its name. */
  readonly content: string;
  /** Undefined of an image that is deployed by its digest: its preview does not look into it. */
  readonly built: BuiltImage | undefined;
}

interface BuiltImage {
  readonly modules: BakedModules;
  /** `docker.io/library/odoo:18.0` */
  readonly baseName: string;
  readonly baseDigest: string;
  /** Other arguments of the build, by name. */
  readonly arguments: Readonly<Record<string, string>>;
}

const argument = "build.args.";
const notTold = /^(MODULES(\..*)?|BASE_\w+|CONTENT_HASH|SERIES)$/;
const digestForm = /sha256:[0-9a-f]{64}/;

/** Reads it from a snapshot; undefined of a stack without an image, as of one that failed. */
export function imageIn({ resources }: Snapshot): ImageFacts | undefined {
  const inputs = resources.find(({ urn }) => urn.endsWith("::odoo-image-build"))?.inputs;
  if (inputs === undefined) {
    const release = resources.find(({ urn }) => urn.endsWith("::release-tags"))?.inputs ?? {};
    const digest = Object.values(release).flatMap((text) => digestForm.exec(text)?.[0] ?? [])[0];
    return digest === undefined ? undefined : { content: digest, built: undefined };
  }
  const all = Object.entries(inputs).flatMap(([place, text]) =>
    place.startsWith(argument) ? [[place.slice(argument.length), text] as const] : [],
  );
  const args = Object.fromEntries(all);
  return {
    content: args["CONTENT_HASH"] ?? "",
    built: {
      modules: modulesIn(all),
      baseName: args["BASE_NAME"] ?? "",
      baseDigest: args["BASE_DIGEST"] ?? "",
      arguments: Object.fromEntries(all.filter(([name]) => !notTold.test(name))),
    },
  };
}

/** The argument is JSON, which the snapshot has flattened: `MODULES.sale.version`. */
function modulesIn(args: readonly (readonly [string, string])[]): BakedModules {
  const found: Record<string, Record<string, string>> = {};
  for (const [place, text] of args) {
    const [, name, key] = /^MODULES\.(\w+)\.(version|hash)$/.exec(place) ?? [];
    if (name !== undefined && key !== undefined) found[name] = { ...found[name], [key]: text };
  }
  const whole = z.record(z.string(), z.object({ version: z.string(), hash: z.string() })).safeParse(found);
  return whole.success ? whole.data : {};
}

/** `docker.io/library/odoo:18.0 sha256:0123456789ab` */
export function baseOf({ baseName, baseDigest }: BuiltImage): string {
  return `${baseName} ${shortDigest(baseDigest)}`;
}
