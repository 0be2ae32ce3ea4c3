import { randomBytes } from "node:crypto";
import { isMap, isUnknown } from "../values";
import { annotation, nameOf, withMetadata, type KubeObject } from "./objects";

export const autonamed = "pulumi.com/autonamed";

/** Whether Pulumi made up the name. */
export function isAutonamed(object: KubeObject): boolean {
  return annotation(object, autonamed) === "true";
}

/**
 * The inputs with a name: the one given, else the one made up before, else `<resource name>-<8 hex digits>`. A made-up name is
 * marked by an annotation, so that a replacement may stand beside its predecessor.
 */
export function withName(inputs: KubeObject, olds: KubeObject, resourceName: string): KubeObject {
  const { metadata } = inputs;
  if (isUnknown(metadata) || (isMap(metadata) && metadata["name"] !== undefined)) return inputs;
  if (Object.keys(olds).length > 0 && !isAutonamed(olds)) return inputs;
  const name = isAutonamed(olds) ? nameOf(olds) : `${resourceName}-${randomBytes(4).toString("hex")}`;
  const annotations = isMap(metadata) ? metadata["annotations"] : undefined;
  if (isUnknown(annotations)) return withMetadata(inputs, { name });
  return withMetadata(inputs, {
    name,
    annotations: { ...(isMap(annotations) ? annotations : {}), [autonamed]: "true" },
  });
}
