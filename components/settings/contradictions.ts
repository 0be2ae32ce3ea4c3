import { isIP } from "node:net";

import type { Settings } from "../../settings";
import { sizeOfSlug } from "../host-size";

/** Where a registry of each kind answers unless `registry:host` says so. */
export const usualHosts = { digitalocean: "registry.digitalocean.com", ghcr: "ghcr.io", generic: "" };

/** What is wrong with settings that are each right by themselves: one line each, beginning with the key. */
export function contradictions(settings: Settings): string[] {
  const { vps } = settings;
  return [
    ...ofRegistry(settings),
    ...ofOdoo(settings),
    ...ofBackup(settings),
    ...(vps.mode === "create" || vps.mode === "adopt" ? [...ofHost(settings), ...ofSite(vps)] : []),
  ];
}

function ofRegistry({ registry, registryAccess, digitalocean, vps }: Settings): string[] {
  const problems: string[] = [];
  if ((registry.kind === "digitalocean" || vps.mode === "create") && digitalocean.token === undefined) {
    problems.push("digitalocean:token: is missing; set the variable DIGITALOCEAN_TOKEN, or: pulumi config set --secret digitalocean:token");
  }
  if (registry.kind === "ghcr" || registry.kind === "generic") {
    if (registry.host === "" || registry.host === usualHosts.digitalocean) {
      problems.push(
        `registry:host: ${JSON.stringify(registry.host)}: is not the host of a ${registry.kind} registry; its password must not be sent there`,
      );
    }
    if (registry.ownership === "create") {
      problems.push(`registry:ownership: "create": only a DigitalOcean registry can be created; allowed for ${registry.kind}: adopt`);
    }
    if (registryAccess === undefined) {
      const variable = registry.kind === "ghcr" ? "GHCR_TOKEN" : "REGISTRY_PASSWORD";
      problems.push(`registry:password: is missing; set the variable ${variable}, or: pulumi config set --secret registry:password`);
    }
    if (registry.username === "") {
      problems.push("registry:username: is missing; allowed: the user that the password belongs to");
    }
  }
  return problems;
}

function ofOdoo({ environment, odoo }: Settings): string[] {
  // Undefined if the environment itself is wrong, which is told already.
  return odoo.demoData && (environment === "staging" || environment === "production")
    ? [`odoo:demoData: true: demonstration data are for a sandbox, and odoo:environment is ${environment}`]
    : [];
}

function ofBackup({ backup }: Settings): string[] {
  if (backup.destination === "") {
    return [];
  }
  return [
    ...(backup.hostKey === "" ? ["backup:hostKey: is missing; backup:destination needs the SSH host key of that host"] : []),
    ...(backup.privateKey === undefined
      ? ["backup:privateKey: is missing; set it with: pulumi config set --secret backup:privateKey"]
      : []),
  ];
}

function ofHost({ vps }: Settings): string[] {
  const required = {
    create: [
      ["region", "a region such as fra1"],
      ["size", "a size such as s-2vcpu-4gb"],
    ],
    adopt: [
      ["host", "the address of the host that vps:mode adopt takes over"],
      ["hostKey", "the host's key as `ssh-keyscan -t ed25519 <host>` prints it, compared with what the host's console shows"],
    ],
    none: [],
  } as const;
  const problems = required[vps.mode]
    .filter(([key]) => vps[key] === "")
    .map(([key, allowed]) => `vps:${key}: is missing; allowed: ${allowed}`);
  if (vps.mode === "create") {
    if (vps.sshFrom.length === 0) {
      problems.push('vps:sshFrom: is missing; allowed: the ranges that may reach SSH, such as ["203.0.113.7/32"]');
    }
    if (vps.size !== "" && sizeOfSlug(vps.size) === undefined && (vps.memoryMiB === 0 || vps.cpus === 0)) {
      problems.push(`vps:size: ${JSON.stringify(vps.size)}: does not say memory and processors; set vps:memoryMiB and vps:cpus too`);
    }
  }
  if (vps.privateKey === undefined) {
    problems.push("vps:privateKey: is missing; set the variable VPS_SSH_PRIVATE_KEY, or: pulumi config set --secret vps:privateKey");
  }
  if (vps.logging === "fluentd" && vps.fluentdAddress === "") {
    problems.push("vps:fluentdAddress: is missing; vps:logging fluentd needs host:port");
  }
  return problems;
}

function ofSite(vps: Settings["vps"]): string[] {
  const problems: string[] = [];
  if (vps.domain === "") {
    problems.push("vps:domain: is missing; allowed: the name that users type, such as erp.example.com");
  } else if (vps.tls === "acme" && (isIP(vps.domain) !== 0 || !vps.domain.includes("."))) {
    problems.push(
      `vps:tls: "acme": no public certificate is to be had for ${vps.domain}; set vps:domain to a public name, or vps:tls to files or internal`,
    );
  }
  if (vps.tls === "files") {
    if (vps.tlsCertificate === "") {
      problems.push("vps:tlsCertificate: is missing; vps:tls files needs the certificate in PEM format");
    }
    if (vps.tlsKey === undefined) {
      problems.push("vps:tlsKey: is missing; set it with: pulumi config set --secret vps:tlsKey -- < key.pem");
    } else if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(vps.tlsKey.reveal())) {
      problems.push("vps:tlsKey: [secret]: is not a private key in PEM format");
    }
  }
  return problems;
}
