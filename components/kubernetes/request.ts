import type { Settings } from "../../settings";
import { requirePinned } from "../registry/reference";
import { releaseRequest, type ReleaseRequest, requestId } from "../odoo/deploy-request";

/**
 * Request to the Job of a release: JSON in a Secret, /run/request/request.json. Its id names the Job. Passwords are
 * files of their own.
 */
export interface KubernetesRequest extends ReleaseRequest {
  /** Files to put in place: none, since Pulumi makes the objects. */
  readonly files: Readonly<Record<string, never>>;
}

export interface KubernetesRequestArgs {
  readonly settings: Pick<Settings, "odoo" | "doks" | "release">;
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
  };
  return { id: requestId(request), ...request };
}
