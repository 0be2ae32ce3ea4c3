import { md5Fingerprint, publicKeyOf } from "./ssh-keys";
import { type Capacity, sizeOfSlug } from "../shared/size-slug";
import { imageRepository } from "../registry/reference";
import type { Settings } from "../../settings";
import { askAgain } from "../shared/attempt";
import { type AccountKey, accountKey } from "../shared/digitalocean-api";
import { dataVolume } from "./droplet";
import { mountPoint } from "./droplet-user-data";
import { everywhere } from "../shared/egress";
import { type HostAccess, HostConnection } from "./ssh";
import { probeHost } from "./probe";
import { type HostRequest, hostRequest } from "./request";
import type { Secret } from "../shared/secret";
import type { NamedSecrets } from "../shared/secret-desk";
import { parseStatus, workerCommand } from "./client";
import { postgresImage, readImagesRecord, verifierImage } from "../odoo/companion-images";
import type { Proof } from "../signature/proof";
import { readWorker } from "../odoo/worker-files";

/** Plan of an update for its host, decided by reading alone, before any resource is declared, in previews too. */
export interface HostPlan {
  readonly privateKey: Secret;
  /** The key's public half as the account has it; undefined if it is yet to be put there, or is not to be. */
  readonly accountKey: AccountKey | undefined;
  /** Secrets of the stack that the host is told, or that log in to it, by their settings. */
  readonly secrets: NamedSecrets;
  /** Renders the request for a digest of Odoo's image, and for the proxy's image; it has secrets. */
  readonly request: (digest: string, proxy: string, login: Login, proof?: Proof) => HostRequest;
  /** Whether the host runs something else than the state says was deployed last, or may do so. */
  readonly drifted: boolean;
  /** Names the worker's files. */
  readonly worker: string;
  readonly warnings: readonly string[];
}

interface Login {
  readonly username: string;
  readonly password: string;
}

/**
 * Renders what the host is to run, looks at an adopted host, and refuses what can be refused.
 *
 * A created host is known by its size. What runs there is not looked at: its address and its key are in the state,
 * which a program cannot read. A rollback and a promotion, which know both, have it asked again.
 * @param digest of the image if it is in the registry already
 * @param proxy the proxy's image, if it is
 * @returns undefined for `vps:mode` none
 * @throws ShipError API_AUTH_FAILURE, TOKEN_SCOPE_MISSING, NETWORK_FAILURE, HOST_UNREACHABLE, HOST_KEY_MISMATCH,
 *   HOST_LOGIN_REFUSED, HOST_TOO_SMALL, SETTINGS_INVALID, and all that judgeHost finds
 */
export async function planHost(
  root: string,
  settings: Settings,
  digest: string | undefined,
  proxy: string | undefined,
): Promise<HostPlan | undefined> {
  const { vps, backup } = settings;
  const { mode, privateKey } = vps;
  if (mode === "none" || privateKey === undefined) {
    return undefined;
  }
  const publicKey = publicKeyOf(privateKey);
  const images = readImagesRecord(root, vps.imagesRecord);
  const postgres = postgresImage(images);
  const cosign = verifierImage(images, "vps:imagesRecord", settings.gates.signing !== "none");
  const found =
    mode === "adopt"
      ? await look({ ...vps, privateKey }, settings.image.platform)
      : { capacity: sizeOfSlug(vps.size), live: undefined };
  const volume = mode === "create" ? dataVolume(vps) : undefined;
  const request = (of: string, through: string, login: Login, proof?: Proof) =>
    hostRequest({
      settings,
      repository: imageRepository(settings.registry),
      digest: of,
      images: { postgres, proxy: through },
      host: stated(vps, found.capacity),
      registry: { server: settings.registry.host, ...login },
      dataDirectory: volume === undefined ? null : mountPoint(volume),
      signature: cosign !== undefined && proof !== undefined ? { cosign, proof } : undefined,
    });
  // Render now, so that what does not fit is told before anything is declared. Credentials are no part of the id.
  const { id } = request(digest ?? anyDigest, proxy ?? `proxy@${anyDigest}`, { username: "", password: "" });
  return {
    privateKey,
    accountKey: mode === "create" ? await knownKey(settings, publicKey) : undefined,
    secrets: {
      "vps:privateKey": privateKey,
      ...(backup.privateKey && { "backup:privateKey": backup.privateKey }),
      ...(vps.tlsKey && { "vps:tlsKey": vps.tlsKey }),
      ...(settings.odoo.secretOptions && { "odoo:secretOptions": settings.odoo.secretOptions }),
    },
    request,
    drifted:
      process.env[askAgain] !== undefined ||
      (digest !== undefined && proxy !== undefined && found.live !== undefined && found.live !== id),
    worker: readWorker(root).hash,
    warnings: [...(backup.destination === "" ? [noDump] : []), ...openSsh(vps)],
  };
}

function knownKey({ digitalocean }: Settings, publicKey: string): Promise<AccountKey | undefined> {
  const { apiUrl, token } = digitalocean;
  return token === undefined ? Promise.resolve(undefined) : accountKey({ apiUrl, token }, md5Fingerprint(publicKey));
}

const anyDigest = `sha256:${"0".repeat(64)}`;
const noDump =
  "backup:destination is empty: no dump leaves the host, and what is lost with it is lost for good. " +
  "Set it to an SSH destination: docs/configuration.md.";

/** Warns if everybody may reach SSH. An adopted host's firewall is its owner's. */
function openSsh({ mode, sshFrom }: Settings["vps"]): string[] {
  const open = mode === "create" ? everywhere(sshFrom) : [];
  return open.length === 0
    ? []
    : [
        `vps:sshFrom has ${open.join(" and ")}: everybody on the Internet may try to log in by SSH. Name your ` +
          "office's and your CI runner's addresses.",
      ];
}

/** Prefers settings to what was found out. */
function stated({ memoryMiB, cpus }: Settings["vps"], found: Capacity | undefined): Capacity {
  return {
    memoryMiB: memoryMiB === 0 ? (found?.memoryMiB ?? 0) : memoryMiB,
    cpus: cpus === 0 ? (found?.cpus ?? 0) : cpus,
  };
}

/** `live`: id of the request that the host runs, null if it runs none that we know. */
async function look(access: HostAccess, platform: string): Promise<{ capacity: Capacity; live: string | null }> {
  const connection = await HostConnection.connect(access);
  try {
    const facts = await probeHost(connection, access.host, { platform });
    const { stdout } = await connection.exec(
      `test ! -x ${workerCommand} || ${facts.asRoot}${workerCommand} status --json`,
    );
    return { capacity: facts, live: liveOf(stdout) };
  } finally {
    connection.end();
  }
}

/**
 * Returns null for a worker that is not there or does not answer: it runs nothing that we know. The deployment finds
 * out more.
 */
function liveOf(text: string): string | null {
  try {
    return parseStatus(text).live?.release ?? null;
  } catch {
    return null;
  }
}
