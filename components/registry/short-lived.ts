import type { RegistryAccess } from "./client";

type Login = Pick<RegistryAccess, "username" | "password">;

/** Logins that end by themselves within a day, by what their makers say of them. */
const kinds: readonly [matches: (login: { username: string; password: string }) => boolean, what: string][] = [
  [
    ({ password }) => password.startsWith("ghs_"),
    "a token of a GitHub Actions job or a GitHub App, which ends with the job, or an hour after it was made",
  ],
  [({ password }) => password.startsWith("ghu_"), "a token of a user of a GitHub App, which ends after eight hours"],
  [
    ({ username, password }) => password.startsWith("glcbt-") || username === "gitlab-ci-token",
    "a token of a GitLab job, which ends with the job",
  ],
  [({ username }) => username === "AWS", "a token of Amazon's registry, which ends after twelve hours"],
  [({ username }) => username === "oauth2accesstoken", "an access token of Google's, which ends after an hour"],
];

/** A login of this life, in seconds, is given to last. */
const longEnough = 60 * 86_400;

/** Tells what a login is and when it ends; undefined if nothing says that it ends soon. */
export function endOf({ username, password }: Login): string | undefined {
  const login = { username, password: password.reveal() };
  return kinds.find(([matches]) => matches(login))?.[1] ?? endOfJwt(login.password);
}

/** A JSON Web Token says itself from when to when it is valid, in seconds since 1970. */
function endOfJwt(token: string): string | undefined {
  const [header = "", payload = "", signature] = token.split(".");
  if (signature === undefined || !header.startsWith("ey")) {
    return undefined;
  }
  try {
    const { iat, nbf, exp } = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
    const from = iat ?? nbf;
    return typeof exp === "number" && typeof from === "number" && exp - from < longEnough
      ? `a token that ends at ${new Date(exp * 1000).toISOString()}`
      : undefined;
  } catch {
    return undefined;
  }
}
