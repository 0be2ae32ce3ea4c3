import { z } from "zod";

import type { Settings } from "../../settings";
import { requirePinned } from "../registry/reference";
import { releaseRequest, releaseRequestSchema, requestId } from "../odoo/deploy-request";

/**
 * Request to the Job of a release: JSON in a Secret, /run/request/request.json. Its id names the Job. Passwords are
 * files of their own.
 */
export const kubernetesRequestSchema = releaseRequestSchema.extend({
  /** Files to put in place: none, since Pulumi makes the objects. */
  files: z.strictObject({}),
  /** Whether dumps leave the cluster: the image has to have what sends them. */
  dumps: z.literal(true).optional(),
});
export type KubernetesRequest = Readonly<z.output<typeof kubernetesRequestSchema>>;

export interface KubernetesRequestArgs {
  readonly settings: Pick<Settings, "odoo" | "doks" | "release" | "backup">;
  /** Repository of the Odoo image, with the registry's host. */
  readonly repository: string;
  /** `sha256:…` */
  readonly digest: string;
}

/** Renders the request. This is pure: the same arguments give the same id. */
export function kubernetesRequest({ settings, repository, digest }: KubernetesRequestArgs): KubernetesRequest {
  const image = `${repository}@${digest}`;
  requirePinned(image);
  const request: Omit<KubernetesRequest, "id"> = {
    ...releaseRequest(settings, image, settings.doks.domain),
    files: {},
    ...(settings.backup.destination === "" ? {} : { dumps: true }),
  };
  return { id: requestId(request), ...request };
}
