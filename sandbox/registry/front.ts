import * as http from "node:http";
import type { Faults } from "../support/faults";
import { closeServer, hold, listen, listenOnSocket } from "../support/listen";
import type { RequestLog } from "../support/request-log";
import { sendRegistryError } from "./errors";
import { Proxy } from "./proxy";
import { answerTokenRequest } from "./token-endpoint";
import { TokenIssuer, type Access, type Claims, type RegistryCredentials, type VerifyMinted } from "./tokens";

export interface RegistryFrontOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** A Unix socket that leads to the same registry, for machines that do not share this one's loopback. @default none */
  readonly socket?: string;
  /** The registry without authentication that does the work. */
  readonly backendUrl: string;
  readonly credentials: RegistryCredentials;
  readonly verifyMinted: VerifyMinted;
  /** Why a push to a repository is refused; `undefined` when it is not. Default: never. */
  readonly pushRefusal?: (repository: string) => Promise<string | undefined>;
  readonly faults: Faults;
  readonly log?: RequestLog;
}

export interface RegistryFront {
  readonly url: string;
  /** `host:port`, as image references begin. */
  readonly address: string;
  close(): Promise<void>;
}

/** The registry's door: bearer tokens as DigitalOcean's and GitHub's registries want them, and faults on order. */
export async function startRegistryFront(options: RegistryFrontOptions): Promise<RegistryFront> {
  const issuer = new TokenIssuer();
  const proxy = new Proxy(options.backendUrl);
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "127.0.0.1"}`);
    const method = request.method ?? "GET";
    response.once("close", () => {
      options.log?.add({
        server: "registry",
        method,
        path: url.pathname,
        status: response.headersSent ? response.statusCode : 0,
      });
    });
    if (await applyFault(options.faults, method, url, response)) {
      return;
    }
    if (url.pathname === "/token") {
      await answerTokenRequest(request, response, url, issuer, options);
      return;
    }
    const needed = neededAccess(method, url.pathname);
    const claims = issuer.read(/^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "");
    if (claims === undefined || !covers(claims, needed)) {
      refuse(response, url, needed, claims);
      return;
    }
    const refusal = startsPush(method, url.pathname) ? await options.pushRefusal?.(needed?.name ?? "") : undefined;
    if (refusal !== undefined) {
      sendRegistryError(response, 403, "DENIED", refusal);
      return;
    }
    proxy.pass(request, response);
  };
  const handler = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    answer(request, response).catch((error: unknown) => {
      console.error("Registry front:", error);
      if (response.headersSent) {
        response.destroy();
      } else {
        sendRegistryError(response, 500, "UNKNOWN", "unexpected error");
      }
    });
  };
  const server = http.createServer(handler);
  const local = http.createServer(handler);
  const port = await listen(server, options.port, "The sandbox's registry");
  if (options.socket !== undefined) {
    await listenOnSocket(local, options.socket);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    async close() {
      await Promise.all([closeServer(server), closeServer(local)]);
      proxy.close();
    },
  };
}

/** What a request needs; `undefined`: to be known is enough (`/v2/`). */
function neededAccess(method: string, pathname: string): Access | undefined {
  if (pathname === "/v2/_catalog") {
    return { type: "registry", name: "catalog", actions: ["*"] };
  }
  const name = /^\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(pathname)?.[1];
  if (name === undefined) {
    return undefined;
  }
  const pulls = method === "GET" || method === "HEAD";
  const action = method === "DELETE" && !pathname.includes("/blobs/uploads/") ? "delete" : "push";
  return { type: "repository", name, actions: pulls ? ["pull"] : action === "push" ? ["pull", "push"] : ["delete"] };
}

function covers(claims: Claims, needed: Access | undefined): boolean {
  if (needed === undefined) {
    return true;
  }
  const granted = claims.access
    .filter(({ type, name }) => type === needed.type && name === needed.name)
    .flatMap(({ actions }) => actions);
  return granted.includes("*") || needed.actions.every((action) => granted.includes(action));
}

/** 401 with the scope to ask for; 403 when asking again would not help, as the user may not do this at all. */
function refuse(response: http.ServerResponse, url: URL, needed: Access | undefined, claims: Claims | undefined): void {
  const pulls = needed?.type === "repository" && needed.actions.every((action) => action === "pull");
  if (claims !== undefined && !claims.write && !pulls) {
    sendRegistryError(response, 403, "DENIED", "requested access to the resource is denied");
    return;
  }
  const scope = needed === undefined ? "" : `,scope="${needed.type}:${needed.name}:${needed.actions.join(",")}"`;
  const reason = claims === undefined ? "" : ',error="insufficient_scope"';
  sendRegistryError(response, 401, "UNAUTHORIZED", "authentication required", {
    // The client's own address for us: it may reach this port through another one.
    "www-authenticate": `Bearer realm="${url.origin}/token",service="${url.host}"${scope}${reason}`,
  });
}

function startsPush(method: string, pathname: string): boolean {
  return (
    (method === "POST" && pathname.endsWith("/blobs/uploads/")) ||
    (method === "PUT" && pathname.includes("/manifests/"))
  );
}

/** Answers true when the request has been dealt with. */
async function applyFault(faults: Faults, method: string, url: URL, response: http.ServerResponse): Promise<boolean> {
  const fault = faults.take("registry", method, url.pathname);
  if (fault === undefined) {
    return false;
  }
  switch (fault.what) {
    case "registry-unauthorized":
      sendRegistryError(response, 401, "UNAUTHORIZED", "authentication required", {
        "www-authenticate": `Bearer realm="${url.origin}/token",service="${url.host}",error="invalid_token"`,
      });
      return true;
    case "registry-quota":
      sendRegistryError(response, 403, "DENIED", "storage quota exceeded");
      return true;
    case "registry-500":
      sendRegistryError(response, 500, "UNKNOWN", "unexpected error");
      return true;
    case "registry-429":
      sendRegistryError(response, 429, "TOOMANYREQUESTS", "too many requests", {
        "retry-after": String(Math.ceil(fault.seconds ?? 1)),
      });
      return true;
    case "registry-manifest-invalid":
      sendRegistryError(response, 400, "MANIFEST_INVALID", "manifest invalid");
      return true;
    case "registry-timeout":
      await hold(fault.seconds ?? 600, response);
      response.destroy();
      return true;
  }
}
