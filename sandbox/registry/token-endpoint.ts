import type * as http from "node:http";
import { sendRegistryError } from "./errors";
import {
  authenticate,
  grant,
  tokenSeconds,
  type RegistryCredentials,
  type TokenIssuer,
  type VerifyMinted,
} from "./tokens";

interface Rules {
  readonly credentials: RegistryCredentials;
  readonly verifyMinted: VerifyMinted;
  readonly pushRefusal?: (repository: string) => Promise<string | undefined>;
}

interface TokenRequest {
  readonly user: string;
  readonly password: string;
  readonly scopes: readonly string[];
}

/** `/token`: GET with Basic, or POST with the password grant (what BuildKit tries first), answers a bearer token. */
export async function answerTokenRequest(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  url: URL,
  issuer: TokenIssuer,
  rules: Rules,
): Promise<void> {
  const wanted = request.method === "POST" ? await readForm(request) : readBasic(request, url);
  const known = wanted && authenticate(rules.credentials, rules.verifyMinted, wanted.user, wanted.password);
  if (wanted === undefined || known === undefined) {
    const message = wanted === undefined ? "authentication required" : "incorrect username or password";
    sendRegistryError(response, 401, "UNAUTHORIZED", message, { "www-authenticate": 'Basic realm="registry"' });
    return;
  }
  const access = grant(wanted.scopes, known.write);
  // DigitalOcean's registry tells of a full registry when the token for the push is asked for.
  for (const { name } of access.filter(({ type, actions }) => type === "repository" && actions.includes("push"))) {
    const refusal = await rules.pushRefusal?.(name);
    if (refusal !== undefined) {
      sendRegistryError(response, 403, "DENIED", refusal);
      return;
    }
  }
  const token = issuer.issue(known.write, access);
  const scope = access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`).join(" ");
  response.writeHead(200, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(
    JSON.stringify({
      token,
      access_token: token,
      scope,
      expires_in: tokenSeconds,
      issued_at: new Date().toISOString(),
    }),
  );
}

function readBasic(request: http.IncomingMessage, url: URL): TokenRequest | undefined {
  const encoded = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const decoded = Buffer.from(encoded ?? "", "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon < 0) {
    return undefined;
  }
  return { user: decoded.slice(0, colon), password: decoded.slice(colon + 1), scopes: readScopes(url.searchParams) };
}

async function readForm(request: http.IncomingMessage): Promise<TokenRequest | undefined> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8") as AsyncIterable<string>) {
    text += chunk;
    if (text.length > 64 * 1024) {
      return undefined;
    }
  }
  const form = new URLSearchParams(text);
  const user = form.get("username");
  const password = form.get("password");
  const complete = form.get("grant_type") === "password" && user !== null && password !== null;
  return complete ? { user, password, scopes: readScopes(form) } : undefined;
}

function readScopes(parameters: URLSearchParams): readonly string[] {
  return parameters.getAll("scope").flatMap((scopes) => scopes.split(" "));
}
