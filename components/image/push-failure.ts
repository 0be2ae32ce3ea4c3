import * as pulumi from "@pulumi/pulumi";

import { type Failure, ShipError } from "../shared/errors";

type Known = Pick<Failure, "code" | "summary" | "expected" | "remedy">;

/** What Docker says of a push, and what it means; the first that fits. */
const causes: readonly (readonly [said: RegExp, known: Known])[] = [
  [
    /quota|storage limit|no space|insufficient storage|too large/i,
    {
      code: "QUOTA_EXCEEDED",
      summary: "the registry is full",
      expected: "room for another image",
      remedy: "make room with `npm run retention` (docs/retention.md), or raise registry:tier",
    },
  ],
  [
    /unauthori[sz]ed|authentication required|denied|forbidden|no basic auth/i,
    {
      code: "REGISTRY_AUTH_FAILURE",
      summary: "the registry refuses the push",
      expected: "a login that may push to this repository",
      remedy: "set a valid DIGITALOCEAN_TOKEN (DigitalOcean), GHCR_TOKEN (GitHub) or registry:password",
    },
  ],
  [
    /manifest (invalid|unknown)|(unsupported|unknown) (manifest|media)/i,
    {
      code: "MANIFEST_ERROR",
      summary: "the registry refuses the image's manifest",
      expected: "a registry that takes the image's format",
      remedy: "look whether the registry supports OCI images; a proxy in front of it must let manifests through",
    },
  ],
  [
    /unexpected http status|\b5\d\d\b|connection (refused|reset)|broken pipe|\beof\b|timeout|no route|no such host/i,
    {
      code: "NETWORK_FAILURE",
      summary: "the registry was lost in the middle of the push",
      expected: "a registry that takes all layers",
      remedy: "look at the registry's status page, then run the update again: layers that are there are not sent twice",
    },
  ],
];

/**
 * Reads what a failed build and push says of the push.
 * @param said the errors of the Docker plugin, in its own words
 * @returns undefined where it says nothing of a push, or nothing that is known
 */
export function pushFailure(said: string): ShipError | undefined {
  const [, about = ""] = /\bpush(?:ing|ed)?\b([^]*)/i.exec(said) ?? [];
  const known = causes.find(([words]) => words.test(about))?.[1];
  return known === undefined ? undefined : new ShipError({ ...known, found: said.trim().slice(-1000) });
}

/** Says with a code why the push of an image failed, above Pulumi's own words. Nothing is tried again. */
export function saysWhyPushFailed(name: string): pulumi.ErrorHook {
  return new pulumi.ErrorHook(`${name}-push-failure`, async ({ errors }) => {
    const failure = pushFailure(errors.join("\n"));
    if (failure !== undefined) await pulumi.log.error(failure.message);
    return false;
  });
}
