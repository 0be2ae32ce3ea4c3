import type { ValueMap } from "../../values";
import { idOf, nameOf, namespaceOf, textAt, type KubeObject } from "../objects";
import { listBeside } from "./lists";
import { failedContainers, podProblems } from "./pods";
import type { Look, Looking, Rule } from "./rule";

const logLines = 20;
const mostEvents = 10;

/**
 * Why an object is not ready: what its rule misses, what its pods say, warnings about all of them, and the last lines of a
 * container that failed without a word of its own. (The official plugin has no such lines: there a container needs
 * `terminationMessagePolicy: FallbackToLogsOnError`.)
 */
export async function reasonsOf(
  rule: Rule | undefined,
  live: KubeObject,
  look: Look,
  looking: Looking,
): Promise<readonly string[]> {
  // What cannot be asked must not hide what is known.
  const related = (await rule?.related?.(live, looking).catch(() => undefined)) ?? { owners: [], pods: [] };
  const objects = [live, ...related.owners, ...related.pods];
  const [events, logs] = await Promise.all([
    warnings(objects, looking).catch(() => []),
    Promise.all(related.pods.map((pod) => logsOf(pod, looking))).then((lists) => lists.flat()),
  ]);
  return [...new Set([...look.problems, ...related.pods.flatMap(podProblems), ...events, ...logs])];
}

async function warnings(objects: readonly KubeObject[], looking: Looking): Promise<readonly string[]> {
  const uids = new Set(objects.map((object) => textAt(object, "metadata", "uid")));
  const [first = {}] = objects;
  if (namespaceOf(first) === "") return [];
  const events = await listBeside(first, "/api/v1", "events", looking, { fieldSelector: "type=Warning" });
  return events
    .filter((event) => uids.has(textAt(event, "involvedObject", "uid")))
    .sort((one, other) => timeOf(one).localeCompare(timeOf(other)))
    .slice(-mostEvents)
    .map(
      (event) =>
        `${textAt(event, "involvedObject", "kind")} ${textAt(event, "involvedObject", "name")}: ${textAt(event, "reason")}: ${textAt(event, "message")}`,
    );
}

function timeOf(event: ValueMap): string {
  return textAt(event, "lastTimestamp") || textAt(event, "eventTime") || textAt(event, "metadata", "creationTimestamp");
}

async function logsOf(pod: KubeObject, looking: Looking): Promise<readonly string[]> {
  const silent = failedContainers(pod).filter(({ message }) => message === "");
  return Promise.all(
    silent.map(async ({ name, previous }) => {
      const path = `/api/v1/namespaces/${namespaceOf(pod)}/pods/${nameOf(pod)}/log`;
      const query = { container: name, tailLines: String(logLines), ...(previous && { previous: "true" }) };
      try {
        const text = await looking.client.text(path, query, looking.signal);
        return `the last lines of container "${name}" of pod ${idOf(pod)}:\n${text.trimEnd()}`;
      } catch {
        return `container "${name}" of pod ${idOf(pod)} failed, and its log cannot be read`;
      }
    }),
  );
}
