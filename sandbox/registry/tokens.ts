import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/** A user that the registry knows without asking anyone. */
export interface RegistryUser {
  readonly name: string;
  readonly password: string;
  /** Whether it may push and delete. */
  readonly write: boolean;
}

export interface RegistryCredentials {
  /** DigitalOcean's API token: a password with full access under any user name, as at DigitalOcean. */
  readonly apiToken: string;
  readonly users: readonly RegistryUser[];
}

/** What a password of the API's docker-credentials may do; `undefined` when it is unknown or has expired. */
export type VerifyMinted = (password: string) => { readonly write: boolean } | undefined;

const accessSchema = z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) });
const claimsSchema = z.object({ write: z.boolean(), access: z.array(accessSchema), expires: z.number() });

/** The rights to one repository (type `repository`) or to the catalog (type `registry`). */
export type Access = z.infer<typeof accessSchema>;
/** What a bearer token says. `write`: whether its user could have had more than this token grants. */
export type Claims = z.infer<typeof claimsSchema>;

/** Life of a bearer token; a client asks for a new one by itself. */
export const tokenSeconds = 300;

/** Checks a user and a password; `undefined` when they are wrong. */
export function authenticate(
  credentials: RegistryCredentials,
  verifyMinted: VerifyMinted,
  user: string,
  password: string,
): { readonly write: boolean } | undefined {
  if (same(password, credentials.apiToken)) {
    return { write: true };
  }
  const known = credentials.users.find(({ name }) => name === user);
  return known !== undefined && same(password, known.password) ? { write: known.write } : verifyMinted(password);
}

/** The part of the wanted scopes (`repository:example/odoo:pull,push`) that a user gets. */
export function grant(scopes: readonly string[], write: boolean): readonly Access[] {
  return scopes.flatMap((scope) => {
    const [, type, name, actions] = /^([a-z]+)(?:\([a-z]+\))?:(.+):([^:]*)$/.exec(scope) ?? [];
    if (type === undefined || name === undefined || actions === undefined) {
      return [];
    }
    const allowed = actions.split(",").filter((action) => write || (type === "repository" && action === "pull"));
    return [{ type, name, actions: allowed }];
  });
}

/** Signs and reads bearer tokens. The key is this process's own: after a restart clients fetch new tokens. */
export class TokenIssuer {
  private readonly key = randomBytes(32);

  issue(write: boolean, access: readonly Access[]): string {
    const claims: Claims = { write, access: [...access], expires: Date.now() + tokenSeconds * 1000 };
    const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
    return `${payload}.${this.sign(payload)}`;
  }

  /** The claims of a token that is ours and still valid. */
  read(token: string): Claims | undefined {
    const [payload = "", signature = ""] = token.split(".");
    if (!same(signature, this.sign(payload))) {
      return undefined;
    }
    const claims = claimsSchema.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
    return claims.expires > Date.now() ? claims : undefined;
  }

  private sign(payload: string): string {
    return createHmac("sha256", this.key).update(payload).digest("base64url");
  }
}

function same(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
