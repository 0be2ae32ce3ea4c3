import { sizeOfSlug } from "../shared/size-slug";
import type { Settings } from "../../settings";
import { isLoopback, isSafeAddress } from "../shared/http";
import { takesApiToken, usualHosts } from "../registry/login";
import { optionProblems } from "../odoo/options";
import { everywhere } from "../shared/egress";
import { isFor, mayCertify } from "./acme";
import { ofPullLogin } from "./pull-login";
import { ofSigning } from "./signing";

/** Lists what is wrong with settings that are each right by themselves: one line each, beginning with the key. */
export function contradictions(settings: Settings): string[] {
  const { vps, doks } = settings;
  return [
    ...ofApi(settings),
    ...ofRegistry(settings),
    ...ofOdoo(settings),
    ...ofImage(settings),
    ...ofRelease(settings),
    ...ofBackup(settings),
    ...ofNotify(settings),
    ...ofSigning(settings),
    ...(vps.mode === "create" || vps.mode === "adopt" ? [...ofHost(settings), ...ofSite("vps", vps)] : []),
    ...(doks.mode === "create" || doks.mode === "adopt" ? [...ofCluster(settings), ...ofSite("doks", doks)] : []),
  ];
}

/** The official provider reads the same address, and sends the token there without asking. */
function ofApi({ digitalocean }: Settings): string[] {
  return isSafeAddress(digitalocean.apiUrl)
    ? []
    : [
        `digitalocean:apiEndpoint: ${JSON.stringify(digitalocean.apiUrl)}: is not an https address, and the API ` +
          "token must not be sent there in plain " +
          "text (http on loopback addresses only); the variable DIGITALOCEAN_API_URL sets it, too",
      ];
}

function ofRegistry(settings: Settings): string[] {
  const { environment, registry, registryAccess, digitalocean } = settings;
  const problems: string[] = [];
  if (environment === "sandbox" && !isLoopback(registry.host)) {
    problems.push(
      `registry:host: ${JSON.stringify(registry.host)}: a sandbox releases what its gates have not checked, and ` +
        "production would take it from there; allowed for odoo:environment sandbox: a registry of this machine, such " +
        "as 127.0.0.1:5000",
    );
  }
  if ((registry.kind === "digitalocean" || hasMachines(settings)) && digitalocean.token === undefined) {
    problems.push(
      "digitalocean:token: is missing; set the variable DIGITALOCEAN_TOKEN, or: pulumi config set --secret " +
        "digitalocean:token",
    );
  }
  if (registry.kind === "digitalocean" && !takesApiToken(registry.kind, registry.host)) {
    problems.push(
      `registry:host: ${JSON.stringify(registry.host)}: is not DigitalOcean's, and its API token must not be ` +
        "sent there; " +
        `allowed for digitalocean: ${usualHosts.digitalocean}, or empty; any other registry is of the kind generic`,
    );
  }
  if (registry.kind === "ghcr" || registry.kind === "generic") {
    if (registry.host === "" || registry.host === usualHosts.digitalocean) {
      problems.push(
        `registry:host: ${JSON.stringify(registry.host)}: is not the host of a ${registry.kind} registry; its ` +
          "password must not be sent there",
      );
    }
    if (registry.ownership === "create") {
      problems.push(
        `registry:ownership: "create": only a DigitalOcean registry can be created; allowed for ` +
          `${registry.kind}: adopt`,
      );
    }
    if (registryAccess === undefined) {
      const variable = registry.kind === "ghcr" ? "GHCR_TOKEN" : "REGISTRY_PASSWORD";
      problems.push(
        `registry:password: is missing; set the variable ${variable}, or: pulumi config set --secret registry:password`,
      );
    }
    if (registry.username === "") {
      problems.push("registry:username: is missing; allowed: the user that the password belongs to");
    }
    if (settings.registryPull !== undefined && registry.pullUsername === "") {
      problems.push("registry:pullUsername: is missing; allowed: the user that registry:pullPassword belongs to");
    }
    problems.push(...ofPullLogin(settings));
  }
  return problems;
}

function ofOdoo({ environment, odoo }: Settings): string[] {
  return [
    // Undefined if the environment itself is wrong, which is told already.
    ...(odoo.demoData && (environment === "staging" || environment === "production")
      ? [`odoo:demoData: true: demonstration data are for a sandbox, and odoo:environment is ${environment}`]
      : []),
    ...optionProblems(odoo),
  ];
}

/** Whether a target is a Droplet or a cluster of DigitalOcean. */
function hasMachines({ vps, doks }: Settings): boolean {
  return vps.mode === "create" || doks.mode === "create" || (doks.mode === "adopt" && doks.clusterId !== "");
}

function ofImage(settings: Settings): string[] {
  return settings.image.platform === "linux/arm64" && hasMachines(settings)
    ? [
        'image:platform: "linux/arm64": a Droplet or a node of DigitalOcean cannot run such an image; ' +
          "allowed there: linux/amd64",
      ]
    : [];
}

function ofRelease({ release }: Settings): string[] {
  return release.egress.length > 0 && release.rehearse
    ? [
        "release:egress: is set, and release:rehearse is true: the copy that a rehearsal upgrades would write to " +
          "where the real one does; set release:rehearse to false",
      ]
    : [];
}

function ofBackup({ backup }: Settings): string[] {
  if (backup.destination === "") {
    return [];
  }
  return [
    ...(backup.hostKey === ""
      ? ["backup:hostKey: is missing; backup:destination needs the SSH host key of that host"]
      : []),
    ...(backup.privateKey === undefined
      ? ["backup:privateKey: is missing; set it with: pulumi config set --secret backup:privateKey"]
      : []),
  ];
}

function ofNotify({ notify }: Settings): string[] {
  if (notify.smtpServer === "") {
    return [];
  }
  return [
    ...(notify.mailFrom === "" ? ["notify:mailFrom: is missing; notify:smtpServer needs a sender"] : []),
    ...(notify.mailTo.length === 0 ? ["notify:mailTo: is missing; notify:smtpServer needs somebody to write to"] : []),
    ...(notify.smtpUsername !== "" && notify.smtpPassword === undefined
      ? ["notify:smtpPassword: is missing; set it with: pulumi config set --secret notify:smtpPassword"]
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
      [
        "hostKey",
        "the host's key as `ssh-keyscan -t ed25519 <host>` prints it, compared with what the host's console shows",
      ],
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
      problems.push(
        `vps:size: ${JSON.stringify(vps.size)}: does not say memory and processors; set vps:memoryMiB and vps:cpus too`,
      );
    }
  }
  if (vps.privateKey === undefined) {
    problems.push(
      "vps:privateKey: is missing; set the variable VPS_SSH_PRIVATE_KEY, or: pulumi config set --secret vps:privateKey",
    );
  }
  if (vps.logging === "fluentd" && vps.fluentdAddress === "") {
    problems.push("vps:fluentdAddress: is missing; vps:logging fluentd needs host:port");
  }
  return problems;
}

function ofCluster({ doks }: Settings): string[] {
  const problems: string[] = [];
  if (doks.mode === "create") {
    for (const [key, allowed] of [
      ["region", "a region such as fra1"],
      ["version", "an exact version such as 1.34.1-do.0; `doctl kubernetes options versions` lists them"],
      ["nodeSize", "a size such as s-2vcpu-4gb"],
    ] as const) {
      if (doks[key] === "") {
        problems.push(`doks:${key}: is missing; allowed: ${allowed}`);
      }
    }
    if (doks.nodesMax < doks.nodesMin) {
      problems.push(`doks:nodesMax: ${doks.nodesMax}: is less than doks:nodesMin, ${doks.nodesMin}`);
    }
  } else {
    if (doks.clusterId === "" && doks.kubeconfig === undefined) {
      problems.push(
        "doks:clusterId: is missing; doks:mode adopt needs it, or: pulumi config set --secret doks:kubeconfig",
      );
    }
    if (doks.clusterId !== "" && doks.kubeconfig !== undefined) {
      problems.push("doks:kubeconfig: is set beside doks:clusterId; a cluster is adopted by one of them");
    }
    if (doks.databaseMode === "managed" && doks.clusterId === "") {
      problems.push(
        'doks:databaseMode: "managed": only a cluster of DigitalOcean can be let in to its database; ' +
          "set doks:clusterId",
      );
    }
  }
  return [...problems, ...ofPods(doks)];
}

function ofPods(doks: Settings["doks"]): string[] {
  const problems: string[] = [];
  const most = Math.max(doks.replicas, doks.replicasMax);
  if (doks.replicasMax !== 0 && doks.replicasMax < doks.replicas) {
    problems.push(`doks:replicasMax: ${doks.replicasMax}: is less than doks:replicas, ${doks.replicas}`);
  }
  if (most > 1 && doks.filestoreAccess === "ReadWriteOnce") {
    const key = doks.replicas > 1 ? "replicas" : "replicasMax";
    problems.push(
      `doks:${key}: ${most}: several pods need one filestore with the sessions in it, and a ReadWriteOnce volume ` +
        "is on one node only; " +
        "set doks:filestoreAccess to ReadWriteMany and doks:storageClass to a class that can, or use one replica",
    );
  }
  if (doks.filestoreAccess === "ReadWriteMany" && doks.storageClass === "") {
    problems.push(
      "doks:storageClass: is missing; ReadWriteMany needs a class of a shared file system (NFS, CephFS), which " +
        "DigitalOcean does not bring",
    );
  }
  return problems;
}

function ofSite(target: "vps" | "doks", site: Settings["vps"] | Settings["doks"]): string[] {
  const problems: string[] = [];
  if (site.domain === "") {
    problems.push(`${target}:domain: is missing; allowed: the name that users type, such as erp.example.com`);
  }
  const named = [site.domain, ...site.aliases, ...site.redirectFrom].filter((name) => name !== "");
  const twice = named.find((name, index) => named.indexOf(name) !== index);
  if (twice !== undefined) {
    const key = site.redirectFrom.includes(twice) ? "redirectFrom" : "aliases";
    problems.push(`${target}:${key}: ${twice}: is named twice; each name is ${target}:domain, an alias, or sent on`);
  }
  if (everywhere(site.trustedProxies).length > 0) {
    problems.push(
      `${target}:trustedProxies: has everybody in it, and everybody could claim to be anybody; ` +
        "allowed: the ranges of the proxy in front",
    );
  }
  const uncertain = site.tls === "acme" ? named.filter((name) => !mayCertify(site.acmeServer, name)) : [];
  if (uncertain.length > 0) {
    problems.push(
      `${target}:tls: "acme": no public certificate is to be had for ${uncertain.join(", ")}; ` +
        `set ${target}:domain to a public name, ${target}:tls to files or internal, or ${target}:acmeServer to ` +
        "your own authority",
    );
  }
  if (site.acmeRoots !== "" && site.acmeServer === "") {
    problems.push(
      `${target}:acmeRoots: is set without ${target}:acmeServer; Let's Encrypt itself is believed by the public ones`,
    );
  }
  if (site.tls === "files") {
    const uncovered = [...site.aliases, ...site.redirectFrom].filter((name) => !isFor(site.tlsCertificate, name));
    if (uncovered.length > 0) {
      problems.push(`${target}:tlsCertificate: is not for ${uncovered.join(", ")}; each name needs to be in it`);
    }
    if (site.tlsCertificate === "") {
      problems.push(`${target}:tlsCertificate: is missing; ${target}:tls files needs the certificate in PEM format`);
    }
    if (site.tlsKey === undefined) {
      problems.push(
        `${target}:tlsKey: is missing; set it with: pulumi config set --secret ${target}:tlsKey -- < key.pem`,
      );
    } else if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(site.tlsKey.reveal())) {
      problems.push(`${target}:tlsKey: [secret]: is not a private key in PEM format`);
    }
  }
  return problems;
}
