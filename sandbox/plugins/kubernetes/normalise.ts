import { hasUnknown, isMap, type Value } from "../values";
import { isKind, type Kind } from "./kinds";
import { withMetadata, type KubeObject } from "./objects";

/**
 * Inputs in the form in which the server keeps them, so that equal objects are equal. The `stringData` of a Secret becomes
 * `data`, as the server would do it. Unknown inputs stay as they are.
 */
export function normalise(kind: Kind, inputs: KubeObject): KubeObject {
  const writable = withMetadata(inputs, Object.fromEntries(readOnly.map((name) => [name, undefined])));
  const object = isMap(inputs["metadata"]) ? writable : inputs;
  return isKind(kind, "", "Secret") && !hasUnknown(object) ? normaliseSecret(object) : object;
}

const readOnly = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "uid",
] as const;

function normaliseSecret(secret: KubeObject): KubeObject {
  const { stringData, data, ...rest } = secret;
  const given = isMap(data) ? Object.entries(data).map(([key, value]): [string, Value] => [key, reencode(value)]) : [];
  const plain = isMap(stringData) ? Object.entries(stringData) : [];
  if (plain.length === 0) return given.length === 0 ? secret : { ...rest, data: Object.fromEntries(given) };
  const encoded = plain.map(([key, value]): [string, Value] => [
    key,
    typeof value === "string" ? Buffer.from(value).toString("base64") : value,
  ]);
  return { ...rest, data: Object.fromEntries([...given, ...encoded]) };
}

// The server decodes and encodes again, which takes white space out.
function reencode(value: Value): Value {
  return typeof value === "string" && /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)
    ? Buffer.from(value, "base64").toString("base64")
    : value;
}
