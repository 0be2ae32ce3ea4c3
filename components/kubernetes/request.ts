import type { Settings } from "../../settings";
import { urlHost } from "../caddyfile";
import { requestId } from "../host-request";
import { requirePinned } from "../image-reference";

/** What the Job of a release is told: JSON in a Secret, /run/request/request.json. Passwords are files of their own. */
export interface KubernetesRequest {
  /** 16 hexadecimal digits: a hash of all that matters for the release. It names the Job. */
  readonly id: string;
  /** `repository@sha256:…` */
  readonly image: string;
  readonly database: string;
  readonly url: string;
  readonly modules: readonly string[];
  readonly demo: boolean;
  readonly release: {
    readonly additive: boolean;
    readonly rehearse: boolean;
    readonly upgradeSeconds: number;
    readonly readySeconds: number;
    readonly keepPoints: number;
  };
  /** Restore point whose data are put back, in place of an upgrade. */
  readonly restore?: string;
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

/** What the Job is told. Rendering is pure: the same arguments give the same id. */
export function kubernetesRequest({ settings, repository, digest }: KubernetesRequestArgs): KubernetesRequest {
  const { odoo, doks, release } = settings;
  const image = `${repository}@${digest}`;
  requirePinned(image);
  const request: Omit<KubernetesRequest, "id"> = {
    image,
    database: odoo.database,
    url: `https://${urlHost(doks.domain)}`,
    modules: odoo.modules,
    demo: odoo.demoData,
    release: {
      additive: release.additive,
      rehearse: release.rehearse,
      upgradeSeconds: release.upgradeMinutes * 60,
      readySeconds: release.readySeconds,
      keepPoints: release.keepPoints,
    },
    ...(release.restore === "" ? {} : { restore: release.restore }),
    files: {},
  };
  return { id: requestId(request), ...request };
}
