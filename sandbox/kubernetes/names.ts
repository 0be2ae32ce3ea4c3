import * as fs from "node:fs";
import * as path from "node:path";
import { containerPrefix, paths } from "../config";

/** On a cluster's container; its value is the cluster's id. */
export const clusterLabel = "odoo.sandbox.kubernetes";
/** The ranges that pods and services have in every cluster: nobody outside the node sees them. */
export const podRange = "198.19.0.0/18";
export const serviceRange = "198.19.64.0/20";
/** Where the apiserver answers. */
export const apiPort = 6443;
/** What is published at the address of a cluster's load balancer. */
export const loadBalancerPorts = [80, 443] as const;

const directory = path.join(paths.state, "kubernetes");

/** Where the apiserver of the cluster in this slot answers. */
export function apiAddressOf(slot: number): string {
  return `127.0.0.${20 + 2 * slot}`;
}

/** Where services of type LoadBalancer answer. */
export function loadBalancerAddress(slot: number): string {
  return `127.0.0.${21 + 2 * slot}`;
}

/** The node's address in the sandbox's network of machines. */
export function nodeAddress(slot: number): string {
  return `198.18.77.${20 + 2 * slot}`;
}

/** The container that is the cluster's control plane and node. */
export function containerName(id: string): string {
  return `${containerPrefix}-kubernetes-${id}`;
}

/** The Docker volume with the node's disk: etcd, images, volumes. */
export function diskName(id: string): string {
  return `${containerName(id)}-disk`;
}

/** What the node reads at its start; it writes into `out` there. */
export function clusterDirectory(id: string): string {
  return path.join(directory, id);
}

/** Whether this checkout may have disks of clusters. */
export function hasClusters(): boolean {
  return fs.existsSync(directory);
}
