import { type Browser, chromium } from "playwright-core";

import { ensureChromium } from "../../sandbox/tools/chromium";

/** Where a headless browser finds a site that no name server knows, and what it trusts there. */
export interface BrowserOptions {
  /** Name of the site, as in its address and its certificate. */
  readonly domain: string;
  /** Address that the name leads to. */
  readonly host: string;
  /** SHA-256, in base64, of the public key that is trusted beside those of known authorities; without it, those only. */
  readonly trustedKey?: string;
}

/** Starts a headless Chromium that reaches one site and no other. */
export async function openBrowser({ domain, host, trustedKey }: BrowserOptions): Promise<Browser> {
  return chromium.launch({
    executablePath: await ensureChromium((message) => console.error(message)),
    // Chromium's own sandbox wants namespaces, which root in a container does not get.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      `--host-resolver-rules=MAP ${domain} ${host}, MAP * ~NOTFOUND`,
      "--disable-dev-shm-usage",
      ...(trustedKey === undefined ? [] : [`--ignore-certificate-errors-spki-list=${trustedKey}`]),
    ],
  });
}
