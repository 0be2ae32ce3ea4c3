import { isLoopback } from "../shared/http";

/** Where a registry of each kind answers unless `registry:host` says so. */
export const usualHosts = { digitalocean: "registry.digitalocean.com", ghcr: "ghcr.io", generic: "" };

/** Who makes tokens for a registry at another host than its own: as its documentation says, not as an answer says. */
const tokenHostsOf: Readonly<Record<string, readonly string[]>> = {
  [usualHosts.digitalocean]: ["api.digitalocean.com"],
  "registry-1.docker.io": ["auth.docker.io"],
};

/**
 * Hosts that may be told a registry's login when the registry asks for tokens from there: its own, and the domains above it, whose owner decides
 * what the registry's name leads to anyway (`gitlab.com` for `registry.gitlab.com`); those known for it; and what the settings name.
 * @param host host[:port] of the registry
 * @param also `registry:tokenHost`; empty for none
 */
export function tokenHosts(host: string, also = ""): readonly string[] {
  const named = also === "" ? [] : [also];
  if (isLoopback(host)) {
    return [host, ...named];
  }
  const name = host.replace(/:\d+$/, "");
  return [name, ...domainsAbove(name), ...(tokenHostsOf[name] ?? []), ...named];
}

/** Without the last label alone, which is nobody's; an address has none. */
function domainsAbove(name: string): string[] {
  const labels = name.split(".");
  return /^[\d.]+$/.test(name) ? [] : labels.slice(1, -1).map((_, at) => labels.slice(at + 1).join("."));
}

/** Whether a registry is DigitalOcean's, or stands in for it on this machine: the only one that is shown a token of DigitalOcean's API. */
export function takesApiToken(kind: string, host: string): boolean {
  return kind === "digitalocean" && (host === usualHosts.digitalocean || isLoopback(host));
}
