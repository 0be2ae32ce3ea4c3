import { setTimeout as delay } from "node:timers/promises";
import { ApiError, ConnectionError, isReason, type KubeClient } from "../client";
import { isKind, type Kind } from "../kinds";
import { annotation, at, isTrue, listAt, messageOf, nameOf, textAt, type KubeObject } from "../objects";
import { limitMs } from "./await";

const pauseMs = 300;

/** Kinds for which `skipAwait` holds at deletion too, by the official plugin's history. */
const skippable: readonly (readonly [string, string])[] = [
  ["", "Namespace"],
  ["", "Pod"],
  ["", "ReplicationController"],
  ["apps", "DaemonSet"],
  ["apps", "Deployment"],
  ["apps", "StatefulSet"],
];

/** What a deletion needs. */
export interface Deleting {
  readonly client: KubeClient;
  readonly kind: Kind;
  readonly path: string;
  readonly inputs: KubeObject;
  readonly live: KubeObject;
  readonly timeout: number;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

/** Deletes an object, and waits until it is gone. One that is gone already is deleted. */
export async function deleteObject(deleting: Deleting): Promise<void> {
  const { client, path, inputs, signal, kind } = deleting;
  const body = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: propagation(inputs) };
  const exists = await client.request("DELETE", path, { body, signal }).then(
    () => true,
    (error: unknown) => {
      if (isReason(error, "NotFound")) return false;
      throw error;
    },
  );
  if (!exists) return;
  if (isTrue(inputs, "pulumi.com/skipAwait") && skippable.some(([group, name]) => isKind(kind, group, name))) return;
  await untilGone(deleting);
}

async function untilGone({ client, path, inputs, live, timeout, signal, progress }: Deleting): Promise<void> {
  const deadline = Date.now() + limitMs(inputs, timeout);
  let present: KubeObject | undefined = live;
  for (;;) {
    try {
      present = await client.find(path, signal);
    } catch (error) {
      if (!(error instanceof ConnectionError || error instanceof ApiError)) throw error;
      progress(messageOf(error));
    }
    // Another object by that name is not the one that was to go.
    if (present === undefined || isAnother(present, live)) return;
    if (Date.now() >= deadline)
      throw new Error(`'${nameOf(live)}' timed out waiting to be deleted${whatHolds(present)}`);
    await delay(pauseMs, undefined, { signal });
  }
}

/** `Foreground` (what the object owns goes first) unless an annotation says otherwise. */
function propagation(inputs: KubeObject): string {
  const asked = annotation(inputs, "pulumi.com/deletionPropagationPolicy").toLowerCase();
  return asked === "orphan" ? "Orphan" : asked === "background" ? "Background" : "Foreground";
}

function isAnother(present: KubeObject, live: KubeObject): boolean {
  const uid = textAt(live, "metadata", "uid");
  return uid !== "" && textAt(present, "metadata", "uid") !== uid;
}

function whatHolds(present: KubeObject): string {
  const finalizers = at(present, "metadata", "finalizers");
  const names = [
    ...(Array.isArray(finalizers) ? finalizers.map(String) : []),
    ...listAt(present, "status", "conditions")
      .filter(({ status }) => status === "True")
      .map((item) => textAt(item, "message")),
  ];
  return names.length === 0 ? "" : `: finalizers might be preventing deletion (${names.join(", ")})`;
}
