import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import * as http from "node:http";
import type { RegistryContents } from "../registry/contents";
import { Faults } from "../support/faults";
import { closeServer, hold, listen } from "../support/listen";
import { RequestLog } from "../support/request-log";
import { accountRoutes } from "./account";
import { actionRoutes, Actions } from "./actions";
import { Background } from "./background";
import { catalogRoutes } from "./catalog";
import type { ClusterMachines } from "./cluster-machines";
import { controlPrefix, controlRoutes } from "./control";
import { DatabaseFleet } from "./database-fleet";
import type { DatabaseMachines } from "./database-machines";
import { databaseOptionRoutes } from "./database-options";
import { databaseRuleRoutes } from "./database-rules";
import { databaseUserRoutes } from "./database-users";
import { databaseRoutes } from "./databases";
import { dropletActionRoutes } from "./droplet-actions";
import { dropletRoutes } from "./droplets";
import { ApiError, forbidden, serverError, unauthorized } from "./errors";
import { firewallRoutes } from "./firewalls";
import { Fleet } from "./fleet";
import { kubernetesRoutes } from "./kubernetes";
import { kubernetesAccessRoutes } from "./kubernetes-access";
import { ClusterFleet } from "./kubernetes-fleet";
import { kubernetesOptionRoutes } from "./kubernetes-options";
import { nodePoolRoutes } from "./kubernetes-pools";
import { loadBalancerRoutes } from "./load-balancers";
import type { Machines } from "./machines";
import { projectRoutes } from "./projects";
import { registryRoutes } from "./registries";
import { credentialRoutes, verifyMinted } from "./registry-credentials";
import { garbageCollectionRoutes } from "./registry-garbage-collection";
import { repositoryRoutes } from "./registry-repositories";
import { pushRefusal, subscriptionRoutes } from "./registry-subscription";
import { reservedIpRoutes } from "./reserved-ips";
import { Call, findRoute, type Context, type Reply, type Route } from "./router";
import { scopesOf, viewsCredentials, withoutCredentials } from "./scopes";
import { sshKeyRoutes } from "./ssh-keys";
import { Store } from "./state";
import { tagRoutes } from "./tags";
import { volumeActionRoutes } from "./volume-actions";
import { volumeRoutes } from "./volumes";
import { vpcRoutes } from "./vpcs";

export interface DigitalOceanApiOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly stateFile: string;
  /** The API token that may do everything. */
  readonly token: string;
  readonly contents: RegistryContents;
  /** What runs behind the droplets. @default nothing: droplets are on paper */
  readonly machines?: Machines;
  /** What runs behind the Kubernetes clusters. @default nothing: clusters are on paper */
  readonly clusters?: ClusterMachines;
  /** What runs behind the managed databases. @default nothing: databases are on paper */
  readonly databases?: DatabaseMachines;
  /** How long an action takes at least. @default 300 */
  readonly actionMs?: number;
}

export interface DigitalOceanApi {
  readonly url: string;
  readonly faults: Faults;
  readonly log: RequestLog;
  /** A token that may do what needs no other scopes than these, until the server ends. */
  limitedToken(scopes: readonly string[]): string;
  /** What a minted registry password, or a limited token, may do; `undefined` when it is unknown or has expired. */
  verifyMinted(password: string): { readonly write: boolean } | undefined;
  /** Why a push to this repository is refused (limits of the tier, garbage collection); `undefined` when it is not. */
  pushRefusal(repository: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/** DigitalOcean's API v2, as far as its public description says how it behaves: https://github.com/digitalocean/openapi. */
export async function startDigitalOceanApi(options: DigitalOceanApiOptions): Promise<DigitalOceanApi> {
  const store = new Store(options.stateFile);
  const faults = new Faults();
  const log = new RequestLog();
  const momentMs = options.actionMs ?? 300;
  const actions = new Actions(store, momentMs);
  const background = new Background(store, momentMs);
  const fleet = new Fleet(store, actions, options.machines);
  const clusters = new ClusterFleet(store, background, options.clusters);
  const databases = new DatabaseFleet(store, background, options.databases);
  const context: Context = { store, contents: options.contents, actions, fleet, clusters, databases };
  // Fixed names come before `:name`.
  const routes = [
    ...controlRoutes(faults, log, background),
    ...accountRoutes(context),
    ...projectRoutes(context),
    ...subscriptionRoutes(context),
    ...credentialRoutes(context),
    ...registryRoutes(context),
    ...garbageCollectionRoutes(context),
    ...repositoryRoutes(context),
    ...actionRoutes(context),
    ...catalogRoutes(),
    ...vpcRoutes(context),
    ...kubernetesOptionRoutes(),
    ...kubernetesRoutes(context),
    ...nodePoolRoutes(context),
    ...kubernetesAccessRoutes(context),
    ...loadBalancerRoutes(context),
    ...databaseOptionRoutes(),
    ...databaseRoutes(context),
    ...databaseRuleRoutes(context),
    ...databaseUserRoutes(context),
    ...sshKeyRoutes(context),
    ...tagRoutes(context),
    ...dropletRoutes(context),
    ...dropletActionRoutes(context),
    ...firewallRoutes(context),
    ...reservedIpRoutes(context),
    ...volumeRoutes(context),
    ...volumeActionRoutes(context),
  ];
  const rate = new RateLimit();
  const limited = new Map<string, ReadonlySet<string>>();

  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "127.0.0.1"}`);
    const method = request.method ?? "GET";
    const control = url.pathname.startsWith(controlPrefix);
    if (!control) {
      response.once("close", () => {
        log.add({ server: "api", method, path: url.pathname, status: response.headersSent ? response.statusCode : 0 });
      });
    }
    const requestId = randomUUID();
    try {
      if (!control && (await applyFault(faults, method, url.pathname, response)) === "dropped") {
        return;
      }
      const scopes = authenticate(request, options.token, limited);
      if (scopes !== undefined && (control || !scopesOf(method, url.pathname).every((scope) => scopes.has(scope)))) {
        throw forbidden();
      }
      const reply = await serve(routes, request, url, method);
      const open = scopes === undefined || scopes.has(viewsCredentials) || !url.pathname.startsWith("/v2/databases");
      send(response, open ? reply : { ...reply, body: withoutCredentials(reply.body) }, requestId, rate.next());
      // Whom databases trust may hang on what this request has changed.
      if (method !== "GET") {
        databases.enforce().catch((error: unknown) => console.error("DigitalOcean API, trusted sources:", error));
      }
    } catch (error) {
      sendError(response, error, requestId, rate.next());
    }
  };
  const server = http.createServer((request, response) => void answer(request, response));
  try {
    const port = await listen(server, options.port, "The sandbox's DigitalOcean API");
    fleet.recover();
    clusters.recover();
    databases.recover();
    return {
      url: `http://127.0.0.1:${port}`,
      faults,
      log,
      limitedToken: (scopes) => {
        const token = `dop_v1_${randomBytes(32).toString("hex")}`;
        limited.set(token, new Set(scopes));
        return token;
      },
      verifyMinted: (password) => registryRights(limited.get(password)) ?? verifyMinted(store, password),
      pushRefusal: (repository) => pushRefusal(context, repository),
      async close() {
        actions.close();
        background.close();
        await closeServer(server);
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** DigitalOcean's 5000 requests in an hour, counted but not enforced: the fault `api-429` shows what a client does then. */
class RateLimit {
  private reset = 0;
  private used = 0;

  next(): http.OutgoingHttpHeaders {
    const now = Math.floor(Date.now() / 1000);
    if (now >= this.reset) {
      this.reset = now + 3600;
      this.used = 0;
    }
    this.used += 1;
    return {
      "ratelimit-limit": 5000,
      "ratelimit-remaining": Math.max(0, 5000 - this.used),
      "ratelimit-reset": this.reset,
    };
  }
}

async function applyFault(
  faults: Faults,
  method: string,
  path: string,
  response: http.ServerResponse,
): Promise<"dropped" | undefined> {
  const fault = faults.take("api", method, path);
  if (fault === undefined) {
    return undefined;
  }
  switch (fault.what) {
    case "api-429": {
      const seconds = Math.ceil(fault.seconds ?? 1);
      throw new ApiError(429, "too_many_requests", "API rate limit exceeded.", {
        "retry-after": String(seconds),
        "ratelimit-remaining": "0",
        "ratelimit-reset": String(Math.floor(Date.now() / 1000) + seconds),
      });
    }
    case "api-500":
      throw serverError();
    case "api-slow":
      await hold(fault.seconds ?? 5, response);
      return response.destroyed ? "dropped" : undefined;
    case "api-timeout":
      await hold(fault.seconds ?? 600, response);
      response.destroy();
      return "dropped";
  }
}

/** What a limited token may do in the registry, where it is a password like the one that may do everything. */
function registryRights(scopes: ReadonlySet<string> | undefined): { readonly write: boolean } | undefined {
  return scopes?.has("registry:read") === true ? { write: scopes.has("registry:update") } : undefined;
}

/** What the token may do; undefined: everything. */
function authenticate(
  request: http.IncomingMessage,
  token: string,
  limited: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlySet<string> | undefined {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const given = request.headers.authorization ?? "";
  if (timingSafeEqual(digest(given), digest(`Bearer ${token}`))) {
    return undefined;
  }
  const scopes = limited.get(given.replace(/^Bearer /, ""));
  if (scopes === undefined) {
    throw unauthorized();
  }
  return scopes;
}

async function serve(
  routes: readonly Route[],
  request: http.IncomingMessage,
  url: URL,
  method: string,
): Promise<Reply> {
  const [route, parameters] = findRoute(routes, method, url.pathname);
  const body = await readBody(request);
  const type = request.headers["content-type"] ?? "";
  if (body !== "" && !/^application\/json\b/i.test(type)) {
    throw new ApiError(415, "unsupported_media_type", `content-type must be application/json, got "${type}"`);
  }
  return route.handle(new Call(url, parameters, body));
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > 1024 * 1024) {
      throw new ApiError(413, "request_entity_too_large", "the request body is larger than 1 MiB", {
        connection: "close",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: http.ServerResponse, reply: Reply, requestId: string, headers: http.OutgoingHttpHeaders): void {
  response.writeHead(reply.status, {
    "content-type": reply.text?.type ?? "application/json; charset=utf-8",
    "x-request-id": requestId,
    ...headers,
  });
  response.end(reply.text?.content ?? (reply.body === undefined ? undefined : JSON.stringify(reply.body)));
}

function sendError(
  response: http.ServerResponse,
  error: unknown,
  requestId: string,
  headers: http.OutgoingHttpHeaders,
): void {
  const refusal = error instanceof ApiError ? error : serverError();
  if (refusal !== error && !response.destroyed) {
    console.error(`DigitalOcean API, request ${requestId}:`, error);
  }
  const body = { id: refusal.id, message: refusal.message, request_id: requestId };
  send(response, { status: refusal.status, body }, requestId, { ...headers, ...refusal.headers });
}
