import { randomUUID } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { stringify } from "yaml";
import { at, textAt } from "../../plugins/kubernetes/objects";
import { isMap, type Value, type ValueMap } from "../../plugins/values";

/** A request that came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly type: string;
  readonly body: ValueMap | readonly Value[];
}

const kinds: Readonly<Record<string, Readonly<Record<string, readonly [string, boolean]>>>> = {
  "/api/v1": {
    ConfigMap: ["configmaps", true],
    Endpoints: ["endpoints", true],
    Event: ["events", true],
    Namespace: ["namespaces", false],
    PersistentVolumeClaim: ["persistentvolumeclaims", true],
    Pod: ["pods", true],
    Secret: ["secrets", true],
    Service: ["services", true],
    ServiceAccount: ["serviceaccounts", true],
  },
  "/apis/apps/v1": {
    Deployment: ["deployments", true],
    ReplicaSet: ["replicasets", true],
    StatefulSet: ["statefulsets", true],
  },
  "/apis/batch/v1": { CronJob: ["cronjobs", true], Job: ["jobs", true] },
  "/apis/networking.k8s.io/v1": { NetworkPolicy: ["networkpolicies", true] },
  "/apis/storage.k8s.io/v1": { StorageClass: ["storageclasses", false] },
};

/**
 * An apiserver on paper: it keeps what it is sent, and knows neither validation nor defaults nor controllers; what those would
 * do, a test does by hand. How a real one behaves is shown elsewhere, on a real one.
 */
export class PaperApiserver {
  readonly seen: Seen[] = [];
  /** By path. */
  readonly objects = new Map<string, ValueMap>();
  /** By path of the log, without its query. */
  readonly logs = new Map<string, string>();
  /** Answers instead of the usual ones, used once: "POST /api/v1/…" to a status. */
  readonly refusals = new Map<string, { readonly code: number; readonly reason: string; readonly message: string }>();
  /** Deleted objects stay until they are taken away, as with a finalizer. */
  keepDeleted = false;
  private version = 0;
  private readonly server = http.createServer((request, response) => void this.answer(request, response));

  async start(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** A kubeconfig that leads here. */
  kubeconfig(token = "planted-token", server = this.url): string {
    return stringify({
      "current-context": "paper",
      contexts: [{ name: "paper", context: { cluster: "paper", user: "me", namespace: "shop" } }],
      clusters: [{ name: "paper", cluster: { server } }],
      users: [{ name: "me", user: { token } }],
    });
  }

  /** Puts an object there, or changes the one that is there. */
  put(path: string, object: ValueMap): void {
    const before = this.objects.get(path);
    const metadata: ValueMap = {
      uid: randomUUID(),
      generation: 1,
      name: path.split("/").at(-1) ?? "",
      namespace: /namespaces\/([^/]+)\/./.exec(path)?.[1] ?? "",
    };
    this.objects.set(
      path,
      this.stamped(mergeMaps({ ...before, metadata: { ...metadata, ...asMap(before?.["metadata"]) } }, object)),
    );
  }

  /** The requests so far without those that only look, and forgets them. */
  writes(): readonly string[] {
    return this.seen.splice(0).flatMap(({ method, path }) => (method === "GET" ? [] : [`${method} ${path}`]));
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", this.url);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = (text === "" ? {} : JSON.parse(text)) as ValueMap;
    const type = request.headers["content-type"] ?? "";
    const query = Object.fromEntries(url.searchParams);
    const [method, path] = [request.method ?? "", url.pathname];
    const group = kinds[path];
    if (group === undefined) this.seen.push({ method, path, query, type, body });
    const send = (code: number, answer: string | ValueMap): void => {
      response.writeHead(code).end(typeof answer === "string" ? answer : JSON.stringify(answer));
    };
    const refuse = (code: number, reason: string, message: string): void =>
      send(code, { kind: "Status", status: "Failure", code, reason, message });
    const refusal = this.refusals.get(`${method} ${path}`);
    if (request.headers.authorization !== "Bearer planted-token") return refuse(401, "Unauthorized", "Unauthorized");
    if (refusal !== undefined && this.refusals.delete(`${method} ${path}`))
      return refuse(refusal.code, refusal.reason, refusal.message);
    if (group !== undefined) {
      const resources = Object.entries(group).map(([kind, [name, namespaced]]) => ({ kind, name, namespaced }));
      return send(200, { kind: "APIResourceList", resources });
    }
    const log = this.logs.get(path);
    if (log !== undefined) return send(200, log);
    const isCollection = Object.values(kinds).some((group) =>
      Object.values(group).some(([plural]) => path.endsWith(`/${plural}`)),
    );
    const dry = query["dryRun"] === "All";
    const found = this.objects.get(path);
    const applies = method === "PATCH" && type.startsWith("application/apply-patch");
    if (method === "POST" || (applies && found === undefined)) {
      const target = applies ? path : `${path}/${textAt(body, "metadata", "name")}`;
      if (this.objects.has(target))
        return refuse(409, "AlreadyExists", `"${textAt(body, "metadata", "name")}" already exists`);
      const operation = applies ? "Apply" : "Update";
      const managed = [{ manager: query["fieldManager"] ?? "", operation, fieldsV1: { "f:spec": {} } }];
      const made = mergeMaps(body, { metadata: { uid: randomUUID(), generation: 1, managedFields: managed } });
      if (!dry) this.objects.set(target, this.stamped(made));
      return send(201, this.objects.get(target) ?? made);
    }
    if (method === "GET" && isCollection && found === undefined) {
      const items = [...this.objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, object]) => object);
      return send(200, { kind: "List", items });
    }
    if (found === undefined) return refuse(404, "NotFound", `"${path.split("/").at(-1) ?? ""}" not found`);
    if (method === "GET") return send(200, found);
    if (method === "DELETE") {
      if (!this.keepDeleted) this.objects.delete(path);
      return send(200, { kind: "Status" });
    }
    const own = { uid: at(found, "metadata", "uid") ?? "", generation: at(found, "metadata", "generation") ?? 1 };
    const changed = type.startsWith("application/json-patch")
      ? mergeMaps(found, { metadata: { managedFields: at(body as unknown as Value, 0, "value") ?? [] } })
      : mergeMaps(body, {
          metadata: { ...own, managedFields: at(found, "metadata", "managedFields") ?? [] },
          ...pick(found, "status"),
        });
    if (!dry) this.objects.set(path, this.stamped(changed));
    return send(200, this.objects.get(path) ?? changed);
  }

  private stamped(object: ValueMap): ValueMap {
    this.version += 1;
    return mergeMaps(object, { metadata: { resourceVersion: String(this.version) } });
  }
}

function mergeMaps(one: ValueMap, other: ValueMap): ValueMap {
  const merged: Record<string, Value> = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const before = merged[key];
    merged[key] = isMap(value) && isMap(before) ? mergeMaps(before, value) : value;
  }
  return merged;
}

function asMap(value: Value | undefined): ValueMap {
  return isMap(value) ? value : {};
}

function pick(object: ValueMap, name: string): ValueMap {
  return object[name] === undefined ? {} : { [name]: object[name] };
}
