import { createHash, randomBytes } from "node:crypto";
import { accountEmail } from "./account";
import { findRegistry, onlyRegistry, type Registry } from "./registries";
import type { Call, Context, Reply, Route } from "./router";
import type { State, Store } from "./state";

/** Roughly fifty years: the most that the API takes. */
const longestExpirySeconds = 1_576_800_000;

/** Docker credentials. Each call mints a new password and answers it once; only its SHA-256 is kept. */
export function credentialRoutes({ store }: Context): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/v2/registries/:name/docker-credentials",
      handle: (call) => mint(store, findRegistry(store.state, call.param("name")), call),
    },
    {
      method: "GET",
      path: "/v2/registry/docker-credentials",
      handle: (call) => mint(store, onlyRegistry(store.state), call),
    },
  ];
}

/** What a minted password may do; `undefined` for one that is unknown or has expired. */
export function verifyMinted(store: Store, password: string): { readonly write: boolean } | undefined {
  const found = store.state.credentials[sha256(password)];
  return found === undefined || isExpired(found.expires_at) ? undefined : { write: found.write };
}

/** A password that pulls from a registry and does not expire, and its hash: what a cluster's nodes log in with. */
export function mintPullCredential(
  draft: State,
  registry: string,
): { readonly password: string; readonly hash: string } {
  const password = newPassword();
  draft.credentials[sha256(password)] = { registry, write: false, created_at: new Date().toISOString() };
  return { password, hash: sha256(password) };
}

/** Makes a password worthless, by its hash. */
export function revoke(draft: State, hash: string | undefined): void {
  draft.credentials = Object.fromEntries(Object.entries(draft.credentials).filter(([known]) => known !== hash));
}

function newPassword(): string {
  return `dor_v1_${randomBytes(32).toString("hex")}`;
}

function mint(store: Store, registry: Registry, call: Call): Reply {
  const password = newPassword();
  // Without an expiry, or with 0, the credentials do not expire.
  const seconds = call.integer("expiry_seconds", { min: 0, max: longestExpirySeconds }) ?? 0;
  const now = Date.now();
  store.update((draft) => {
    draft.credentials = Object.fromEntries(
      Object.entries(draft.credentials).filter(([, old]) => !isExpired(old.expires_at)),
    );
    draft.credentials[sha256(password)] = {
      registry: registry.name,
      write: call.url.searchParams.get("read_write") === "true",
      created_at: new Date(now).toISOString(),
      ...(seconds > 0 && { expires_at: new Date(now + seconds * 1000).toISOString() }),
    };
  });
  // The host is a constant of DigitalOcean's, wherever this API runs: its clients look it up by that name.
  const auth = Buffer.from(`${accountEmail}:${password}`).toString("base64");
  return { status: 200, body: { auths: { "registry.digitalocean.com": { auth } } } };
}

function isExpired(expiresAt: string | undefined): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
