import { splitRepository } from "../../components/registry/reference";
import { RegistryClient } from "../../components/registry/client";
import { ask } from "../process";
import type { Progress } from "../tools/cache";
import { markUnreachable, reachable } from "../tools/offline";

const decideMs = 10_000;
/** Docker prints a line for each layer that has come, and nothing of its bytes: a large one takes its time. */
const quietMs = 30 * 60_000;

/**
 * Pulls an image from its public registry when that answers within ten seconds; a network that does not reach it is remembered.
 * @param repository `docker.io/library/odoo`
 * @param reference a tag or a digest
 * @returns the name under which the local engine has it, or `undefined` when it cannot be had.
 */
export async function pullPublic(
  repository: string,
  reference: string,
  progress: Progress,
): Promise<string | undefined> {
  const host = splitRepository(repository).host;
  if (!(await reachable(`https://${host}/v2/`, decideMs))) return undefined;
  const client = new RegistryClient(repository, undefined, { requestMs: decideMs, totalMs: decideMs });
  try {
    if ((await client.digestOf(reference)) === undefined) return undefined;
  } catch {
    return undefined;
  }
  const name = reference.startsWith("sha256:") ? `${repository}@${reference}` : `${repository}:${reference}`;
  progress(`pulling ${name}`);
  const done = await ask("docker", ["pull", name], { what: `pulling ${name}`, quietMs });
  if (done === undefined) markUnreachable(`https://${host}/v2/`);
  return done === undefined ? undefined : name;
}
