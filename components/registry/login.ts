import { isLoopback } from "../shared/http";

/** Hosts of the registries by kind, unless `registry:host` names another. */
export const usualHosts = { digitalocean: "registry.digitalocean.com", ghcr: "ghcr.io", generic: "" };

/**
 * Hosts that make tokens for registries elsewhere, as those registries' documentation says. Their answers are not
 * believed.
 */
const tokenHostsOf: Readonly<Record<string, readonly string[]>> = {
  [usualHosts.digitalocean]: ["api.digitalocean.com"],
  "registry-1.docker.io": ["auth.docker.io"],
};

/**
 * Lists the hosts that may be told a registry's login when the registry asks for tokens from there:
 * - its own, and the domains above it, whose owner decides where the registry's name leads anyway (`gitlab.com` for
 *   `registry.gitlab.com`)
 * - those known for it
 * - the one that the settings name
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

/** The last label alone is nobody's domain, and an IP address has no domain. */
function domainsAbove(name: string): string[] {
  const labels = name.split(".");
  return /^[\d.]+$/.test(name) ? [] : labels.slice(1, -1).map((_, at) => labels.slice(at + 1).join("."));
}

/**
 * Tells whether a registry is DigitalOcean's, or stands in for it on this machine. No other registry is shown a token
 * of DigitalOcean's API.
 */
export function takesApiToken(kind: string, host: string): boolean {
  return kind === "digitalocean" && (host === usualHosts.digitalocean || isLoopback(host));
}
