import { randomBytes } from "node:crypto";
import { isMap, revealMap, type ValueMap } from "../values";
import type { Call } from "./call";
import type { Cluster } from "./cluster";
import { apiVersionOf } from "./kinds";
import { withName } from "./naming";
import { normalise } from "./normalise";
import { annotation, without, withMetadata, type KubeObject } from "./objects";

/** The program's inputs with kind, name and namespace. `olds` are the last inputs of the same resource, or empty. */
export async function completeInputs(
  cluster: Cluster,
  call: Call,
  news: ValueMap,
  olds: ValueMap,
): Promise<KubeObject> {
  const typed: ValueMap = {
    apiVersion: apiVersionOf(call.kind),
    kind: call.kind.kind,
    metadata: {},
    ...revealMap(news),
  };
  const named = withName(normalise(call.kind, typed), revealMap(olds), call.name);
  const { metadata } = named;
  if (!isMap(metadata) || (metadata["namespace"] !== undefined && metadata["namespace"] !== "")) return named;
  if (!(await cluster.isNamespaced(call.kind, call.cancelled))) return named;
  return withMetadata(named, { namespace: cluster.defaultNamespace() });
}

/** What a stand-in cannot do, and Check refuses by name. */
export function refusalOf(inputs: KubeObject): string | undefined {
  if (annotation(inputs, "pulumi.com/waitFor") !== "")
    return '"pulumi.com/waitFor" is not supported by the sandbox\'s stand-in plugin';
  const { metadata } = inputs;
  if (isMap(metadata) && metadata["generateName"] !== undefined && metadata["name"] === undefined) {
    return "the `.metadata.generateName` field is not supported in Server-Side Apply mode";
  }
  return undefined;
}

/** Under which name an object's fields are Pulumi's: the one that the program asks for, else the known one, else a new one. */
export function managerOf(inputs: KubeObject, known: string): string {
  const asked = annotation(inputs, "pulumi.com/patchFieldManager");
  if (asked !== "") return asked;
  return known === "" ? `pulumi-kubernetes-${randomBytes(4).toString("hex")}` : known;
}

/** What a program would have had to say for this object. */
export function importedInputs(live: KubeObject): KubeObject {
  const none = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"];
  return withMetadata(without(live, "status"), Object.fromEntries(none.map((name) => [name, undefined])));
}
