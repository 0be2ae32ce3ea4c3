import { z } from "zod";

import { users } from "../odoo/users";
import type { Capacity } from "../shared/size-slug";
import type { Settings } from "../../settings";
import { siteFiles } from "../proxy/caddyfile";
import { composeProject, secretFiles } from "./compose-file";
import { authorityReach, outsideOf } from "../shared/egress";
import { hostSize } from "./size";
import { maintenancePage } from "../proxy/maintenance-page";
import { releaseRequest, releaseRequestSchema, requestId } from "../odoo/deploy-request";
import type { VpsImages } from "../odoo/companion-images";

/** What the host pulls with. */
const registryLogin = z.strictObject({
  /** host[:port] */
  server: z.string(),
  username: z.string(),
  password: z.string(),
});
const reach = z.strictObject({ cidr: z.string(), except: z.array(z.string()).readonly() });
const ofSecret = { file: z.string().regex(/^secrets\/[a-z-]+$/), uid: z.number() };

/**
 * What a host is told to run: JSON on the standard input of its worker, never in an argument. Its id counts no credentials, which change while nothing
 * else does. The worker checks the same by worker/odoo_ship/request-schema.json, which is made of this by the test of components/odoo/deploy-request.ts.
 */
export const hostRequestSchema = releaseRequestSchema.extend({
  /** Null where nothing is needed to pull. */
  registry: registryLogin.nullable(),
  /** Where the data Volume is mounted; null: Docker's own directory. */
  dataDirectory: z.string().nullable(),
  /** Where the containers may go, which the host's own firewall sees to: Odoo, and beyond that the proxy for its certificates. */
  network: z.strictObject({
    odoo: z.array(reach).readonly(),
    authority: z.strictObject({ port: z.number(), to: z.array(reach).readonly() }).nullable(),
  }),
  /** Text by path below the project's directory. Nothing in it is secret. */
  files: z.record(z.string(), z.string()),
  /** Files of mode 0400 that one user reads: made on the host, or sent. */
  secrets: z.array(
    z.union([z.strictObject({ ...ofSecret, generate: z.literal(true) }), z.strictObject({ ...ofSecret, content: z.string() })]),
  ),
  dump: z.strictObject({ destination: z.string(), hostKey: z.string(), privateKey: z.string(), keep: z.number() }).nullable(),
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
  /** What the host has, as known by its size or as measured. `vps:memoryMiB` and `vps:cpus` are the caller's to respect. */
  readonly host: Capacity;
  readonly registry: RegistryLogin | null;
  readonly dataDirectory: string | null;
}

/**
 * Renders the request. It holds secrets: plain text, to be wrapped by the caller.
 * @throws ShipError HOST_TOO_SMALL; SETTINGS_INVALID for an image that is not named by its digest
 */
export function hostRequest({ settings, repository, digest, images, host, registry, dataDirectory }: HostRequestArgs): HostRequest {
  const { odoo, vps, backup } = settings;
  const image = `${repository}@${digest}`;
  const tlsFiles = vps.tls === "files";
  const proxyFiles = Object.fromEntries(Object.entries(siteFiles(vps, "host")).map(([name, text]) => [`proxy/${name}`, text]));
  const request: Omit<HostRequest, "id"> = {
    ...releaseRequest(settings, image, vps.domain),
    registry,
    dataDirectory,
    network: {
      odoo: vps.egress.map(outsideOf),
      authority: vps.tls === "acme" ? authorityReach(vps.acmeServer, vps.egress) : null,
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
      }),
      ...proxyFiles,
      // Read for each request, so a change of it replaces no container.
      "proxy/maintenance.html": maintenancePage,
      // Empty: nothing is held. It is there from the start, because the proxy complains of a file that is not.
      "proxy/state/hold": "",
    },
    secrets: [
      { file: secretFiles.odooDatabasePassword, uid: users.odoo.uid, generate: true },
      { file: secretFiles.odooTasksPassword, uid: users.odoo.uid, generate: true },
      { file: secretFiles.odooMasterPassword, uid: users.odoo.uid, generate: true },
      { file: secretFiles.postgresPassword, uid: users.postgres.uid, generate: true },
      ...(tlsFiles ? [{ file: secretFiles.tlsKey, uid: users.proxy.uid, content: vps.tlsKey?.reveal() ?? "" }] : []),
    ],
    dump:
      backup.destination === ""
        ? null
        : {
            destination: backup.destination,
            hostKey: backup.hostKey,
            privateKey: backup.privateKey?.reveal() ?? "",
            keep: backup.keep,
          },
  };
  return { id: requestId(withoutCredentials(request)), ...request };
}

/** Credentials are renewed while nothing else changes; a certificate's key is not one of them, since the proxy must read it anew. */
function withoutCredentials(request: Omit<HostRequest, "id">): object {
  const { registry, dump, ...rest } = request;
  return {
    ...rest,
    registry: registry?.server ?? null,
    dump: dump && { destination: dump.destination, hostKey: dump.hostKey, keep: dump.keep },
  };
}
