import type { DigitalOceanAccess } from "../components/shared/digitalocean-api";
import { ShipError } from "../components/shared/errors";
import { type Patience, request } from "../components/shared/http";
import { printable } from "../components/shared/printable";

/** What the API tells of a token. */
export interface TokenReport {
  /** Why it could not be asked; empty if it was. */
  readonly problem: string;
  /** Scopes that it does not have. */
  readonly missing: readonly string[];
  /** Scopes that it needs, and that only the first update can show. */
  readonly unchecked: readonly string[];
}

/** Rows of docs/token-scopes.md: what a token needs to make such a stack, and for each update. */
export const scopeRows = {
  "registry, adopted": "registry:read registry:update",
  "registry, created": "registry:read registry:update registry:create",
  "host, created":
    "droplet:read droplet:create ssh_key:read ssh_key:create firewall:read firewall:create reserved_ip:read " +
    "reserved_ip:create reserved_ip:update block_storage:read block_storage:create actions:read regions:read " +
    "sizes:read image:read",
  "cluster, created":
    "kubernetes:read kubernetes:create kubernetes:access_cluster vpc:read vpc:create regions:read sizes:read " +
    "actions:read tag:read tag:create",
  "managed database":
    "database:read database:create database:update database:view_credentials regions:read sizes:read actions:read " +
    "tag:read tag:create",
} as const;
export type ScopeRow = keyof typeof scopeRows;

/** A request for each scope that reading shows. All others change something, and are not tried. */
const reads: Readonly<Record<string, string>> = {
  "registry:read": "/v2/registry",
  "droplet:read": "/v2/droplets?per_page=1",
  "ssh_key:read": "/v2/account/keys?per_page=1",
  "firewall:read": "/v2/firewalls?per_page=1",
  "reserved_ip:read": "/v2/reserved_ips?per_page=1",
  "block_storage:read": "/v2/volumes?per_page=1",
  "actions:read": "/v2/actions?per_page=1",
  "regions:read": "/v2/regions?per_page=1",
  "sizes:read": "/v2/sizes?per_page=1",
  "image:read": "/v2/images?per_page=1",
  "kubernetes:read": "/v2/kubernetes/clusters?per_page=1",
  "vpc:read": "/v2/vpcs?per_page=1",
  "tag:read": "/v2/tags?per_page=1",
  "database:read": "/v2/databases?per_page=1",
};

/** Somebody waits at a terminal. */
const atTerminal: Patience = { requestMs: 10_000, totalMs: 20_000 };

/**
 * Asks the API what the token may read. Never throws: a token that is wrong keeps nobody from filling the files in.
 * @param rows what the stacks have
 */
export async function tokenReport(
  access: DigitalOceanAccess,
  rows: readonly ScopeRow[],
  patience: Patience = atTerminal,
): Promise<TokenReport> {
  const needed = [...new Set(rows.flatMap((row) => scopeRows[row].split(" ")))];
  const readable = needed.filter((scope) => scope in reads);
  const unchecked = needed.filter((scope) => !(scope in reads));
  try {
    const statuses = await Promise.all(readable.map((scope) => statusOf(access, scope, patience)));
    const bad = statuses.find((status) => status === 401 || ![200, 403, 404].includes(status));
    if (bad !== undefined) {
      const problem = bad === 401 ? "DigitalOcean refuses the token" : `HTTP ${bad} from DigitalOcean's API`;
      return { problem, missing: [], unchecked: needed };
    }
    const missing = readable.filter((_, at) => statuses[at] === 403);
    // The API shows sizes only to whom it shows regions.
    const unsure = missing.includes("regions:read") && missing.includes("sizes:read") ? ["sizes:read"] : [];
    return {
      problem: "",
      missing: missing.filter((scope) => !unsure.includes(scope)),
      unchecked: [...unsure, ...unchecked],
    };
  } catch (error) {
    if (!(error instanceof ShipError)) throw error;
    return { problem: printable(error.failure.summary), missing: [], unchecked: needed };
  }
}

async function statusOf({ apiUrl, token }: DigitalOceanAccess, scope: string, patience: Patience): Promise<number> {
  const credential = { value: `Bearer ${token.reveal()}`, hosts: [new URL(apiUrl).host] };
  const url = `${apiUrl.replace(/\/$/, "")}${reads[scope] ?? ""}`;
  return (await request(`asking DigitalOcean for ${scope}`, url, {}, patience, credential)).status;
}

/** Words for a terminal. */
export function tokenWords({ problem, missing, unchecked }: TokenReport): string[] {
  const rest = `  not checked, since only an update shows it: ${unchecked.join(" ")}`;
  if (problem !== "") {
    return [`The token was not checked: ${problem}. It needs:`, `  ${unchecked.join(" ")}`];
  }
  return missing.length === 0
    ? ["The token has the scopes that can be checked by reading.", rest]
    : [
        `TOKEN_SCOPE_MISSING: the token lacks ${missing.join(" ")}`,
        "  A token's scopes are chosen once: make another one, and set DIGITALOCEAN_TOKEN (docs/token-scopes.md).",
        rest,
      ];
}
