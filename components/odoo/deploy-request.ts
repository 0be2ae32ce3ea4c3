import { createHash } from "node:crypto";

import { z } from "zod";

import type { Settings } from "../../settings";
import { urlHost } from "../shared/url-host";

/** Request to the worker of a release, on every target. */
export const releaseRequestSchema = z.strictObject({
  /** 16 hexadecimal digits: a hash of all that matters for the release. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** `repository@sha256:…` */
  image: z.string().regex(/^[^@ ]+@sha256:[0-9a-f]{64}$/),
  /** PostgreSQL cuts longer names of copies short. */
  database: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,29}$/),
  url: z.string().regex(/^https:/),
  modules: z.array(z.string()),
  demo: z.boolean(),
  /** PostgreSQL's extensions, made by its admin in a new database. */
  extensions: z.array(z.string().regex(/^[a-z_-]+$/)).optional(),
  release: z.strictObject({
    additive: z.boolean(),
    rehearse: z.boolean(),
    upgradeSeconds: z.number(),
    readySeconds: z.number(),
    keepPoints: z.number(),
  }),
  /** Restore point to whose data the release goes back, in place of an upgrade. */
  restore: z.string().optional(),
});
export type ReleaseRequest = Readonly<z.output<typeof releaseRequestSchema>>;

/** Renders the part that no target changes. */
export function releaseRequest(
  { odoo, release }: Pick<Settings, "odoo" | "release">,
  image: string,
  domain: string,
): Omit<ReleaseRequest, "id"> {
  return {
    image,
    database: odoo.database,
    url: `https://${urlHost(domain)}`,
    modules: odoo.modules,
    demo: odoo.demoData,
    ...(odoo.extensions.length === 0 ? {} : { extensions: odoo.extensions.toSorted() }),
    release: {
      additive: release.additive,
      rehearse: release.rehearse,
      upgradeSeconds: release.upgradeMinutes * 60,
      readySeconds: release.readySeconds,
      keepPoints: release.keepPoints,
    },
    ...(release.restore === "" ? {} : { restore: release.restore }),
  };
}

/** Names a request by all that is in it: 16 hexadecimal digits. */
export function requestId(counted: object): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(counted)))
    .digest("hex")
    .slice(0, 16);
}

/** Sorts every object's keys, so that the JSON does not depend on how the value was put together. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, content]) => [name, sorted(content)]),
    );
  }
  return value;
}
