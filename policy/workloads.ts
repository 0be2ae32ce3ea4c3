import { parse } from "yaml";

import { at, type Declared, entriesAt, listAt, textAt, unknown } from "./declared";

/** A container that a resource starts, of a pod or of a Compose project. Each value may be `unknown`. */
export interface Container {
  /** Where it stands, for messages: `containers odoo`, `docker-compose.prod.yml db`. */
  readonly place: string;
  readonly image: unknown;
  /** User that it runs as: a number, Compose's text, or undefined where the image decides. */
  readonly user: unknown;
  /** Whether Kubernetes refuses to start it as root. */
  readonly nonRoot: unknown;
  readonly privileged: unknown;
  readonly readOnlyRoot: unknown;
  readonly memory: unknown;
  readonly cpu: unknown;
  /** Probes that it lacks; a container that ends by itself needs none. */
  readonly missingProbes: readonly string[];
  /** Whether the outside reaches PostgreSQL in it past every proxy, by a port of the machine. */
  readonly publishesDatabase: boolean;
  readonly environment: readonly [name: string, value: unknown][];
}

/** Port of PostgreSQL, by number and by the name that a pod gives it. */
export const databasePorts: ReadonlySet<unknown> = new Set([5432, "5432", "postgres", "postgresql"]);

/** The containers that a resource starts. */
export function containersOf(resource: Declared): Container[] {
  return [...podContainers(resource), ...composeContainers(resource)];
}

function podContainers({ type, props }: Declared): Container[] {
  const [, kind = ""] = /^kubernetes:[^:]+:(\w+?)(?:Patch)?$/.exec(type) ?? [];
  const path = podPaths[kind];
  if (path === undefined) {
    return [];
  }
  const pod = at(props, ...path);
  if (pod === unknown) {
    return [];
  }
  const ends = kind === "Job" || kind === "CronJob";
  const own = (container: unknown, ...key: string[]) =>
    at(container, "securityContext", ...key) ?? at(pod, "securityContext", ...key);
  const of = (list: string, served: boolean) =>
    listAt(pod, list).map((container) => ({
      place: `${list} ${textAt(container, "name")}`,
      image: at(container, "image"),
      user: own(container, "runAsUser"),
      nonRoot: own(container, "runAsNonRoot"),
      privileged: at(container, "securityContext", "privileged"),
      readOnlyRoot: at(container, "securityContext", "readOnlyRootFilesystem"),
      memory: at(container, "resources", "limits", "memory"),
      cpu: at(container, "resources", "limits", "cpu"),
      missingProbes: served ? podProbes.filter((probe) => at(container, probe) === undefined) : [],
      publishesDatabase: listAt(container, "ports").some(
        (port) =>
          databasePorts.has(at(port, "containerPort")) &&
          (at(port, "hostPort") !== undefined || at(pod, "hostNetwork") === true),
      ),
      environment: listAt(container, "env").map((one): [string, unknown] => [textAt(one, "name"), at(one, "value")]),
    }));
  return [...of("containers", !ends), ...of("initContainers", false)];
}

const podProbes = ["livenessProbe", "readinessProbe"];
const template = ["spec", "template", "spec"];
const podPaths: Readonly<Record<string, readonly string[]>> = {
  Pod: ["spec"],
  PodTemplate: ["template", "spec"],
  Deployment: template,
  StatefulSet: template,
  DaemonSet: template,
  ReplicaSet: template,
  ReplicationController: template,
  Job: template,
  CronJob: ["spec", "jobTemplate", ...template],
};

/** Services of the Compose files that a command is told by standard input, as the VPS's deployment is. */
function composeContainers(resource: Declared): Container[] {
  return composeFiles(resource).flatMap(([file, text]) =>
    entriesAt(parse(text), "services").map(([name, service]) => ({
      place: `${file} ${name}`,
      image: at(service, "image"),
      user: at(service, "user"),
      nonRoot: undefined,
      privileged: at(service, "privileged"),
      readOnlyRoot: at(service, "read_only"),
      memory: at(service, "deploy", "resources", "limits", "memory") ?? at(service, "mem_limit"),
      cpu: at(service, "deploy", "resources", "limits", "cpus") ?? at(service, "cpus"),
      missingProbes: hasProbe(service) ? [] : ["healthcheck"],
      publishesDatabase: publishesDatabase(name, service),
      environment: composeEnvironment(service),
    })),
  );
}

/** Names and texts of the Compose files in a command's standard input. */
function composeFiles({ type, props }: Declared): [file: string, text: string][] {
  const stdin = type.startsWith("command:") ? textAt(props, "stdin") : "";
  const found: [string, string][] = [];
  const search = (value: unknown): void => {
    for (const [name, inner] of Object.entries((value ?? {}) as Record<string, unknown>)) {
      if (typeof inner === "object") search(inner);
      else if (typeof inner === "string" && /compose[\w.-]*\.ya?ml$/.test(name)) found.push([name, inner]);
    }
  };
  search(jsonOf(stdin));
  return found;
}

/** Another command's standard input may be any text. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One that is not started again ends by itself. */
function hasProbe(service: unknown): boolean {
  const check = at(service, "healthcheck");
  return at(service, "restart") === "no" || (check !== undefined && at(check, "disable") !== true);
}

/** Any port of a service that is PostgreSQL; of others the port that PostgreSQL has. */
function publishesDatabase(name: string, service: unknown): boolean {
  const ports = listAt(service, "ports");
  const host = at(service, "network_mode") === "host";
  if (name === "db" || /\bpostgres(ql)?\b/.test(textAt(service, "image"))) {
    return ports.length > 0 || host;
  }
  return ports.some((port) => /(^|[:-])5432(\/tcp)?$/.test(String(at(port, "target") ?? port)));
}

function composeEnvironment(service: unknown): [string, unknown][] {
  const listed = listAt(service, "environment").map((line): [string, unknown] => {
    const [name = "", ...value] = String(line).split("=");
    return [name, value.join("=")];
  });
  return [...listed, ...entriesAt(service, "environment")];
}
