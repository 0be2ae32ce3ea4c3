type Verb = "read" | "create" | "update" | "delete";

const verbs: Readonly<Record<string, Verb>> = {
  GET: "read",
  POST: "create",
  PUT: "update",
  PATCH: "update",
  DELETE: "delete",
};

/** Whose scopes a path asks for, by its beginning; the first one counts. */
const resources: readonly [path: string, resource: string][] = [
  ["/v2/account/keys", "ssh_key"],
  ["/v2/account", "account"],
  ["/v2/actions", "actions"],
  ["/v2/databases", "database"],
  ["/v2/droplets", "droplet"],
  ["/v2/firewalls", "firewall"],
  ["/v2/images", "image"],
  ["/v2/kubernetes", "kubernetes"],
  ["/v2/load_balancers", "load_balancer"],
  ["/v2/projects", "project"],
  ["/v2/regions", "regions"],
  ["/v2/registries", "registry"],
  ["/v2/registry", "registry"],
  ["/v2/reserved_ips", "reserved_ip"],
  ["/v2/sizes", "sizes"],
  ["/v2/tags", "tag"],
  ["/v2/volumes", "block_storage"],
  ["/v2/vpcs", "vpc"],
];

/** What does not go by its method. `*` is one part of a path. */
const exceptions: readonly [method: string, path: string, scopes: readonly string[]][] = [
  ["GET", "/v2/sizes", ["sizes:read", "regions:read"]],
  ["GET", "/v2/droplets/*/firewalls", ["firewall:read"]],
  ["POST", "/v2/droplets/*/actions", ["droplet:update"]],
  ["POST", "/v2/reserved_ips/*/actions", ["reserved_ip:update"]],
  ["POST", "/v2/volumes/*/actions", ["block_storage_action:create"]],
  ["GET", "/v2/volumes/*/actions", ["block_storage_action:read"]],
  ["GET", "/v2/volumes/*/actions/*", ["block_storage_action:read"]],
  ["POST", "/v2/projects/*/resources", ["project:assign_resource"]],
  ["POST", "/v2/databases/*/users/*/reset_auth", ["database:update"]],
  ["GET", "/v2/kubernetes/clusters/*/kubeconfig", ["kubernetes:access_cluster"]],
  ["GET", "/v2/kubernetes/clusters/*/credentials", ["kubernetes:access_cluster"]],
  ["POST", "/v2/kubernetes/clusters/*/upgrade", ["kubernetes:update"]],
  ["POST", "/v2/kubernetes/clusters/*/node_pools", ["kubernetes:update"]],
  ["DELETE", "/v2/kubernetes/clusters/*/node_pools/*", ["kubernetes:update"]],
  ["DELETE", "/v2/kubernetes/clusters/*/node_pools/*/nodes/*", ["kubernetes:update"]],
  ["POST", "/v2/kubernetes/clusters/*/node_pools/*/recycle", ["kubernetes:delete"]],
  ["POST", "/v2/kubernetes/registry", ["kubernetes:create", "kubernetes:update"]],
  ["DELETE", "/v2/kubernetes/registry", ["kubernetes:update"]],
  ["GET", "/v2/registry/docker-credentials", ["registry:read", "registry:update"]],
  ["GET", "/v2/registries/*/docker-credentials", ["registry:read", "registry:update"]],
  ["POST", "/v2/registry/subscription", ["registry:update"]],
  ["POST", "/v2/registries/subscription", ["registry:update"]],
  ["POST", "/v2/registry/*/garbage-collection", ["registry:update"]],
  ["POST", "/v2/registries/*/garbage-collection", ["registry:update"]],
];

/** Without it passwords of databases are left out of answers. */
export const viewsCredentials = "database:view_credentials";

/**
 * The scopes that a token needs for a request, all of them. As the reference has them, at each endpoint: https://github.com/digitalocean/openapi;
 * none for what no rule knows.
 */
export function scopesOf(method: string, pathname: string): readonly string[] {
  const parts = pathname.replace(/\/$/, "").split("/");
  const exception = exceptions.find(([of, path]) => of === method && fits(path.split("/"), parts));
  if (exception !== undefined) {
    return exception[2];
  }
  const resource = resources.find(([path]) => pathname === path || pathname.startsWith(`${path}/`))?.[1];
  const verb = verbs[method];
  return resource === undefined || verb === undefined ? [] : [`${resource}:${verb}`];
}

function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  return pattern.length === parts.length && pattern.every((part, at) => part === "*" || part === parts[at]);
}

/** An answer without what only `database:view_credentials` shows. */
export function withoutCredentials(body: unknown): unknown {
  if (Array.isArray(body)) {
    return body.map(withoutCredentials);
  }
  if (typeof body !== "object" || body === null) {
    return body;
  }
  const hidden = "password" in body ? ["password", "uri", ...("host" in body ? ["user"] : [])] : [];
  return Object.fromEntries(
    Object.entries(body).flatMap(([name, value]) =>
      hidden.includes(name) ? [] : [[name, withoutCredentials(value)] as const],
    ),
  );
}
