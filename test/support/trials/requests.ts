import * as path from "node:path";

import {
  type HostRequest,
  hostRequest,
  type HostRequestArgs,
  type RegistryLogin,
} from "../../../components/vps/request";
import { readVpsImages } from "../../../components/odoo/companion-images";
import { readWorker } from "../../../components/odoo/worker-files";
import { paths } from "../../../sandbox/config";
import { vpsImagesRecord } from "../../../sandbox/images/base";
import { CommandError } from "../../../sandbox/process";
import { readSettings } from "../../../settings";
import type { TrialMachine } from "./machine";
import { repositoryOf } from "./releases";

/** As users of the trial host know it. */
export const domain = "erp.trial.test";

/** What a trial asks for beside the image; else mostly the product's defaults. */
export interface Options {
  /** @default true */
  readonly rehearse?: boolean;
  /** @default false */
  readonly additive?: boolean;
  /** @default 90 */
  readonly readySeconds?: number;
  /** Where dumps go. @default nowhere */
  readonly dump?: {
    readonly destination: string;
    readonly hostKey: string;
    readonly privateKey: string;
    readonly keep: number;
  };
  /** What the host verifies the image by. @default releases are not signed */
  readonly signature?: HostRequestArgs["signature"];
  /** More of a stack's settings, as Pulumi keeps them. @default none */
  readonly config?: Readonly<Record<string, string>>;
}

/** The request that the product's own program would send for this image, to a host of four gigabytes. */
export function trialRequest(
  image: string,
  registry: RegistryLogin,
  modules: readonly string[],
  options: Options,
): HostRequest {
  const { rehearse = true, additive = false, readySeconds = 90, dump, signature, config } = options;
  const [repository = "", digest = ""] = image.split("@");
  const settings = readSettings({
    config: {
      "odoo:environment": "sandbox",
      "odoo:modules": JSON.stringify(modules),
      "registry:kind": "digitalocean",
      "registry:host": registry.server,
      "registry:repository": repositoryOf(image),
      "vps:mode": "adopt",
      "vps:domain": domain,
      "vps:tls": "internal",
      "vps:host": "host.trial.test",
      "vps:hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      "release:rehearse": String(rehearse),
      "release:additive": String(additive),
      "release:readySeconds": String(readySeconds),
      "release:keepPoints": "3",
      ...(dump && {
        "backup:destination": dump.destination,
        "backup:hostKey": dump.hostKey,
        "backup:privateKey": dump.privateKey,
        "backup:keep": String(dump.keep),
      }),
      ...config,
    },
    secretKeys: new Set(["backup:privateKey", "odoo:secretOptions"]),
    environment: { DIGITALOCEAN_TOKEN: "never used", VPS_SSH_PRIVATE_KEY: "never used" },
  });
  return hostRequest({
    settings,
    repository,
    digest,
    images: readVpsImages(paths.root, path.relative(paths.root, vpsImagesRecord)),
    host: { memoryMiB: 4096, cpus: 2 },
    registry,
    dataDirectory: null,
    signature,
  });
}

/** What of the status of a host's worker the trials look at. */
export interface Status {
  readonly state: string | null;
  readonly step: string | null;
  readonly error: {
    readonly code: string;
    readonly summary: string;
    readonly found: string;
    readonly remedy: string;
    readonly log: string;
  } | null;
  readonly warnings: readonly string[];
  readonly digest: string;
  readonly closed: boolean;
  readonly points: readonly { readonly id: string; readonly from: string; readonly to: string }[];
}

/** Hands a request to the machine's worker as an update does; answers the state that the worker tells at once. */
export async function send(
  machine: TrialMachine,
  request: HostRequest,
  worker = readWorker(paths.root),
): Promise<string> {
  const { files, bootstrap } = worker;
  const answer = await machine.exec(["python3", "-c", bootstrap], JSON.stringify({ worker: files, request }));
  return (JSON.parse(answer) as { state: string }).state;
}

/** Undefined while the machine cannot be asked, such as during its restart. */
export async function statusOf(machine: TrialMachine, request: HostRequest): Promise<Status | undefined> {
  try {
    const text = await machine.exec(["odoo-ship", "status", "--json", "--request", request.id]);
    const {
      request: own,
      live,
      closed,
      points,
    } = JSON.parse(text) as {
      request?: Pick<Status, "state" | "step" | "error" | "warnings">;
      live: { digest: string } | null;
      closed: boolean;
      points: Status["points"];
    };
    const { state = null, step = null, error = null, warnings = [] } = own ?? {};
    return { state, step, error, warnings, digest: live?.digest ?? "", closed, points };
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
