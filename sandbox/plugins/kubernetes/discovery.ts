import type { ValueMap } from "../values";
import type { KubeClient } from "./client";
import { ApiError } from "./client";
import { apiVersionOf, type Kind } from "./kinds";
import { listAt, textAt } from "./objects";

/** Where objects of a kind live. */
export interface Mapping {
  /** Name in paths: `deployments`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** The apiserver has no such kind: usually a CustomResourceDefinition that is missing. */
export class NoMatchError extends Error {
  constructor(kind: Kind) {
    super(`no matches for kind "${kind.kind}" in version "${apiVersionOf(kind)}"`);
  }
}

/** Which kinds the apiserver has. Each group's version is asked for once; a kind that was missing is asked for again. */
export class Discovery {
  private readonly known = new Map<string, ValueMap>();

  constructor(private readonly client: KubeClient) {}

  /** @throws NoMatchError */
  async find(kind: Kind, signal: AbortSignal): Promise<Mapping> {
    const path = groupPath(kind);
    const cached = lookUp(this.known.get(path), kind);
    if (cached !== undefined) return cached;
    const list = await this.client.request("GET", path, { signal }).catch((error: unknown) => {
      // An unknown group has a plain page for an answer, without a reason.
      if (error instanceof ApiError && error.code === 404) throw new NoMatchError(kind);
      throw error;
    });
    this.known.set(path, list);
    const found = lookUp(list, kind);
    if (found === undefined) throw new NoMatchError(kind);
    return found;
  }
}

/** The path of a group's version. */
export function groupPath(kind: Kind): string {
  return kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
}

/** The path of a kind's objects in a namespace, or of one of them. */
export function objectPath(kind: Kind, mapping: Mapping, namespace: string, name?: string): string {
  const parts = [
    groupPath(kind),
    ...(mapping.namespaced ? ["namespaces", namespace] : []),
    mapping.plural,
    ...(name === undefined ? [] : [name]),
  ];
  return parts.join("/");
}

function lookUp(list: ValueMap | undefined, kind: Kind): Mapping | undefined {
  // `deployments/scale` and the like are listed beside.
  const found = listAt(list, "resources").find(
    (item) => item["kind"] === kind.kind && !textAt(item, "name").includes("/"),
  );
  return found === undefined ? undefined : { plural: textAt(found, "name"), namespaced: found["namespaced"] === true };
}
