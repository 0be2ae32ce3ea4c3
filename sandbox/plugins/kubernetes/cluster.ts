import type { Value, ValueMap } from "../values";
import { KubeClient } from "./client";
import { Discovery, NoMatchError, objectPath } from "./discovery";
import { readConnection } from "./kubeconfig";
import { clusterScoped, type Kind } from "./kinds";
import { messageOf, nameOf, namespaceOf, type KubeObject } from "./objects";

/** A cluster that answers. */
export interface Reachable {
  readonly client: KubeClient;
  readonly discovery: Discovery;
}

/** What cannot be done without the cluster. */
export class UnreachableError extends Error {}

/** The provider's settings beside the connection. */
export interface ClusterSettings {
  readonly deleteUnreachable: boolean;
  readonly skipUpdateUnreachable: boolean;
  readonly enablePatchForce: boolean;
  readonly upsertExistingObjects: boolean;
  readonly enableConfigMapMutable: boolean;
  readonly enableSecretMutable: boolean;
}

/** The cluster that a provider instance is configured for. Whether it answers is found out once, at the first need. */
export class Cluster {
  settings: ClusterSettings = readSettings({});
  private config: ValueMap = {};
  private found: Promise<Reachable | { readonly reason: string }> | undefined;

  configure(config: ValueMap): void {
    this.config = config;
    this.settings = readSettings(config);
    this.found = undefined;
  }

  /** The cluster, or why it cannot be reached. A cluster that did not answer once is not asked again by this process. */
  async find(signal: AbortSignal): Promise<Reachable | { readonly reason: string }> {
    this.found ??= this.connect(signal);
    return this.found;
  }

  /** @throws UnreachableError */
  async get(signal: AbortSignal): Promise<Reachable> {
    const found = await this.find(signal);
    if ("reason" in found) throw new UnreachableError(`configured Kubernetes cluster is unreachable: ${found.reason}`);
    return found;
  }

  /** Namespace of objects that name none. */
  defaultNamespace(): string {
    try {
      return readConnection(this.config).namespace;
    } catch {
      const { namespace } = this.config;
      return typeof namespace === "string" && namespace !== "" ? namespace : "default";
    }
  }

  /** Whether objects of the kind have a namespace; a kind that nobody knows is taken to have one. */
  async isNamespaced(kind: Kind, signal: AbortSignal): Promise<boolean> {
    const found = await this.find(signal);
    if ("reason" in found) return !clusterScoped.has(kind.kind);
    try {
      return (await found.discovery.find(kind, signal)).namespaced;
    } catch (error) {
      if (error instanceof NoMatchError) return !clusterScoped.has(kind.kind);
      throw error;
    }
  }

  private async connect(signal: AbortSignal): Promise<Reachable | { readonly reason: string }> {
    let client: KubeClient;
    try {
      client = new KubeClient(readConnection(this.config));
    } catch (error) {
      return { reason: `failed to parse kubeconfig data in \`kubernetes:config:kubeconfig\`- ${messageOf(error)}` };
    }
    const discovery = new Discovery(client);
    try {
      // Needs the credentials too: a wrong token shows here and not at the first object.
      await discovery.find({ group: "", version: "v1", kind: "Namespace" }, signal);
      return { client, discovery };
    } catch (error) {
      signal.throwIfAborted();
      return { reason: `unable to load schema information from the API server: ${messageOf(error)}` };
    }
  }
}

/** The path of an object, as the cluster knows its kind. @throws NoMatchError */
export async function pathOf(
  { discovery }: Reachable,
  kind: Kind,
  object: KubeObject,
  signal: AbortSignal,
): Promise<string> {
  return objectPath(kind, await discovery.find(kind, signal), namespaceOf(object), nameOf(object));
}

function readSettings(config: ValueMap): ClusterSettings {
  const flag = (name: string, variable: string): boolean => isOn(config[name] ?? process.env[variable]);
  return {
    deleteUnreachable: flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
    skipUpdateUnreachable: flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
    enablePatchForce: flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    upsertExistingObjects: flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
    enableConfigMapMutable: flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
    enableSecretMutable: flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
  };
}

function isOn(value: Value | undefined): boolean {
  return value === true || value === "true";
}
