import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { writeFileAtomically } from "../support/atomic-file";
import { apiAddressOf, clusterDirectory, loadBalancerAddress, nodeAddress } from "./names";
import type { ClusterOrder } from "./cluster";

/**
 * Writes what the node reads at its start.
 * @returns the node's name: the first of the first pool.
 */
export function writeOrder({ id, slot, pools }: ClusterOrder): string {
  const [pool] = pools;
  const node = pool?.nodes[0];
  if (pool === undefined || node === undefined) throw new Error(`the cluster ${id} has no node`);
  const words = { id, node, pool: pool.name, poolId: pool.id };
  for (const [what, word] of Object.entries(words)) {
    if (!/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(word))
      throw new Error(`a cluster cannot have the ${what} ${JSON.stringify(word)}`);
  }
  const labels = [`doks.digitalocean.com/node-pool=${pool.name}`, `doks.digitalocean.com/node-pool-id=${pool.id}`];
  const lines = {
    NODE: node,
    LABELS: labels.join(","),
    ADDRESS: nodeAddress(slot),
    OUTSIDE: apiAddressOf(slot),
    LOAD_BALANCER: loadBalancerAddress(slot),
  };
  fs.mkdirSync(path.join(clusterDirectory(id), "out"), { recursive: true, mode: 0o700 });
  write(
    id,
    "order",
    Object.entries(lines)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  if (readToken(id) === undefined) write(id, "token", randomBytes(32).toString("hex"));
  return node;
}

/** The administrator's token, made with the cluster; `undefined`: there is no such cluster. */
export function readToken(id: string): string | undefined {
  return read(id, "token");
}

/** The certificate of the cluster's authority, PEM, as the node has made it at its first start. */
export function readAuthority(id: string): string | undefined {
  return read(id, path.join("out", "ca.crt"));
}

/** Where the apiserver answers. */
export function readOutsideAddress(id: string): string | undefined {
  return /^OUTSIDE=(.*)$/m.exec(read(id, "order") ?? "")?.[1];
}

function read(id: string, name: string): string | undefined {
  const file = path.join(clusterDirectory(id), name);
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined;
}

function write(id: string, name: string, content: string): void {
  writeFileAtomically(path.join(clusterDirectory(id), name), content);
}
