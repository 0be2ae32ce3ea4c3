import { isIPv6 } from "node:net";

/** Host part of an address in a URL. */
export function urlHost(domain: string): string {
  return isIPv6(domain) ? `[${domain}]` : domain;
}
