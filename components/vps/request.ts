import { z } from "zod";

import { users } from "../odoo/users";
import type { Capacity } from "../shared/size-slug";
import type { Settings } from "../../settings";
import { siteFiles } from "../proxy/caddyfile";
import { composeProject, secretFiles } from "./compose-file";
import { authorityReach, outsideOf, wayOut } from "../shared/egress";
import { hostSize } from "./size";
import { maintenancePage } from "../proxy/maintenance-page";
import { releaseRequest, releaseRequestSchema, requestId } from "../odoo/deploy-request";
import { dumpSettings } from "../odoo/dump-settings";
import type { VpsImages } from "../odoo/companion-images";
import { type Proof, proofSchema } from "../signature/proof";

/** Login that the host pulls with. */
const registryLogin = z.strictObject({
  /** host[:port] */
  server: z.string(),
  username: z.string(),
  password: z.string(),
});
const reach = z.strictObject({ cidr: z.string(), except: z.array(z.string()).readonly() });
const ofSecret = { file: z.string().regex(/^secrets\/[a-z-]+$/), uid: z.number() };

/**
 * Shape of the request to a host: JSON on the standard input of its worker, never in an argument. Its id leaves out
 * credentials, which change while nothing else does. The worker checks the same shape by
 * worker/odoo_ship/request-schema.json, which the test of components/odoo/deploy-request.ts makes of this.
 */
export const hostRequestSchema = releaseRequestSchema.extend({
  /** Null where nothing is needed to pull. */
  registry: registryLogin.nullable(),
  /** Folder where the data Volume is mounted; null: Docker's own directory. */
  dataDirectory: z.string().nullable(),
  /**
   * Ranges that the containers may reach, which the host's own firewall enforces: Odoo's, and besides that the proxy's
   * way to its certificate authority. `tasks`: those of a release's own containers, each by one port.
   */
  network: z.strictObject({
    odoo: z.array(reach).readonly(),
    authority: z.strictObject({ port: z.number(), to: z.array(reach).readonly() }).nullable(),
    tasks: z
      .array(reach.extend({ port: z.number() }))
      .readonly()
      .optional(),
  }),
  /** Text by path below the project's directory. Nothing in it is secret. */
  files: z.record(z.string(), z.string()),
  /** Files of mode 0400 that one user reads: made on the host, or sent. */
  secrets: z.array(
    z.union([
      z.strictObject({ ...ofSecret, generate: z.literal(true) }),
      z.strictObject({ ...ofSecret, content: z.string() }),
    ]),
  ),
  dump: z
    .strictObject({ destination: z.string(), hostKey: z.string(), privateKey: z.string(), keep: z.number() })
    .nullable(),
  /** What the host verifies the image by; absent where releases are not signed. */
  signature: proofSchema
    .extend({
      /** `repository@sha256:…` of the image that has cosign. */
      cosign: z.string().regex(/^[^@ ]+@sha256:[0-9a-f]{64}$/),
    })
    .optional(),
});
export type HostRequest = Readonly<z.output<typeof hostRequestSchema>>;
export type RegistryLogin = Readonly<z.output<typeof registryLogin>>;

export interface HostRequestArgs {
  readonly settings: Pick<Settings, "odoo" | "vps" | "release" | "backup">;
  /** Repository of the Odoo image, with the registry's host. */
  readonly repository: string;
  /** `sha256:…` */
  readonly digest: string;
  readonly images: VpsImages;
  /**
   * Memory and processors of the host, by its size or as measured. The caller applies `vps:memoryMiB` and `vps:cpus`.
   */
  readonly host: Capacity;
  readonly registry: RegistryLogin | null;
  readonly dataDirectory: string | null;
  /** @default releases are not signed */
  readonly signature?: { readonly cosign: string; readonly proof: Proof } | undefined;
}

/**
 * Renders the request. It holds secrets in plain text, which the caller wraps.
 * @throws ShipError HOST_TOO_SMALL; SETTINGS_INVALID for an image that is not named by its digest
 */
export function hostRequest({
  settings,
  repository,
  digest,
  images,
  host,
  registry,
  dataDirectory,
  signature,
}: HostRequestArgs): HostRequest {
  const { odoo, vps, backup } = settings;
  const tasks = settings.release.egress;
  const image = `${repository}@${digest}`;
  const tlsFiles = vps.tls === "files";
  const proxyFiles = Object.fromEntries(
    Object.entries(siteFiles(vps, "host")).map(([name, text]) => [`proxy/${name}`, text]),
  );
  const request: Omit<HostRequest, "id"> = {
    ...releaseRequest(settings, image, vps.domain),
    registry,
    dataDirectory,
    network: {
      odoo: vps.egress.map(outsideOf),
      authority: vps.tls === "acme" ? authorityReach(vps.acmeServer, vps.egress) : null,
      // Left out where there are none: the id of a request that has none stays as it was.
      ...(tasks.length === 0 ? {} : { tasks: tasks.map(wayOut) }),
    },
    files: {
      ...composeProject({
        images: { odoo: image, ...images },
        odoo,
        size: hostSize(host, vps),
        bodyMegabytes: vps.bodyMegabytes,
        logging: vps,
        proxyFiles: Object.values(proxyFiles),
        tlsKey: tlsFiles,
        tasksWayOut: tasks.length > 0,
      }),
      ...proxyFiles,
      // Read for each request, so a change of it replaces no container.
      "proxy/maintenance.html": maintenancePage,
      // Empty: nothing is held. The file exists from the start, because the proxy complains of one that does not.
      "proxy/state/hold": "",
    },
    secrets: [
      { file: secretFiles.odooDatabasePassword, uid: users.odoo.uid, generate: true },
      { file: secretFiles.odooTasksPassword, uid: users.odoo.uid, generate: true },
      { file: secretFiles.odooMasterPassword, uid: users.odoo.uid, generate: true },
      { file: secretFiles.postgresPassword, uid: users.postgres.uid, generate: true },
      ...(odoo.secretOptions === undefined
        ? []
        : [{ file: secretFiles.odooOptions, uid: users.odoo.uid, content: odoo.secretOptions.reveal() }]),
      ...(tlsFiles ? [{ file: secretFiles.tlsKey, uid: users.proxy.uid, content: vps.tlsKey?.reveal() ?? "" }] : []),
    ],
    dump: dumpSettings(backup),
  };
  return {
    id: requestId(withoutCredentials(request)),
    ...request,
    // No part of the id: what is signed about an image makes it no other release.
    ...(signature && { signature: { ...signature.proof, cosign: signature.cosign } }),
  };
}

/**
 * Leaves out the credentials, which are renewed while nothing else changes. A certificate's key stays in: the proxy
 * must read it anew. The secret options are in by a label of the Compose file, from which they cannot be guessed.
 */
function withoutCredentials(request: Omit<HostRequest, "id">): object {
  const { registry, dump, secrets, ...rest } = request;
  return {
    ...rest,
    secrets: secrets.map((one) => (one.file === secretFiles.odooOptions ? { file: one.file, uid: one.uid } : one)),
    registry: registry?.server ?? null,
    dump: dump && { destination: dump.destination, hostKey: dump.hostKey, keep: dump.keep },
  };
}
