import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import { clusterPorts, healthPort, type SiteArgs, spoolDirectories } from "../../proxy/site";
import { users } from "../../odoo/users";
import type { PodResources } from "./sizes";
import type { Settings } from "../../../settings";
import { siteFiles } from "../../proxy/caddyfile";
import { maintenancePage } from "../../proxy/maintenance-page";
import { labels, names, selector, type Unplaced } from "./names";
import {
  account,
  containerSecurity,
  mountsOf,
  podSecurity,
  resources,
  sameNode,
  scratch,
  secretFiles,
  spread,
  variables,
} from "./pods";

/** Arguments of the edge: the same proxy as on a VPS, with the same rules. */
export interface EdgeArgs {
  readonly image: pulumi.Input<string>;
  readonly size: PodResources;
  /** Millions of bytes of bodies that are coming in. */
  readonly spoolMegabytes: number;
  readonly tls: SiteArgs["tls"];
  /** ConfigMap with {@link edgeFiles}. */
  readonly config: pulumi.Input<string>;
  /** Secret with the certificate's key; undefined unless `tls` is `files`. */
  readonly tlsKey: pulumi.Input<string> | undefined;
}

export const tlsKeyFile = "tls-key";

/**
 * Files that the proxy reads when it starts. When they change, their ConfigMap gets another name, so the pods are made
 * anew.
 */
export function edgeFiles(site: SiteArgs & Pick<Settings["doks"], "tlsCertificate">): Record<string, string> {
  const { Caddyfile, ...certificates } = siteFiles(site, "cluster");
  return { Caddyfile, "maintenance.html": maintenancePage, ...certificates };
}

/** Room for those that the edge keeps. */
export const certificatesGiB = 1;

/** Tells whether the proxy keeps certificates of its own. */
export function keepsCertificates(tls: SiteArgs["tls"]): boolean {
  return tls !== "files";
}

/** Returns one pod if certificates are kept on a volume of one node, two if they are given. */
export function edgeReplicas(tls: SiteArgs["tls"]): number {
  return keepsCertificates(tls) ? 1 : 2;
}

export function edgeDeployment({
  image,
  size,
  spoolMegabytes,
  tls,
  config,
  tlsKey,
}: EdgeArgs): Unplaced<k8s.apps.v1.Deployment> {
  const kept = keepsCertificates(tls);
  const health = (rhythm: { periodSeconds: number; failureThreshold: number }) => ({
    httpGet: { path: "/", port: "health" },
    timeoutSeconds: 5,
    ...rhythm,
  });
  return {
    metadata: { name: names.edge, labels: labels("edge") },
    spec: {
      replicas: edgeReplicas(tls),
      revisionHistoryLimit: 5,
      progressDeadlineSeconds: 300,
      // For a while two pods on one node may share the volume: Caddy has locks of its own for that.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector("edge") },
      template: {
        metadata: { labels: labels("edge") },
        spec: {
          ...account(names.edge),
          ...(kept
            ? { affinity: sameNode(selector("edge")) }
            : { topologySpreadConstraints: spread(selector("edge")) }),
          securityContext: podSecurity(users.proxy),
          terminationGracePeriodSeconds: 30,
          containers: [
            {
              name: "caddy",
              image,
              command: ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"],
              env: variables({ XDG_CONFIG_HOME: "/config", XDG_DATA_HOME: "/data" }),
              ports: [
                { name: "http", containerPort: clusterPorts.http },
                { name: "https", containerPort: clusterPorts.https },
                { name: "health", containerPort: healthPort },
              ],
              resources: resources(size),
              // The program of an image that a record names may carry this capability, and then does not start without
              // it.
              securityContext: containerSecurity(["NET_BIND_SERVICE"]),
              startupProbe: health({ periodSeconds: 2, failureThreshold: 30 }),
              livenessProbe: health({ periodSeconds: 20, failureThreshold: 3 }),
              readinessProbe: health({ periodSeconds: 5, failureThreshold: 2 }),
              // The load balancer's nodes forget a pod only some seconds after it was told to end.
              lifecycle: { preStop: { sleep: { seconds: 10 } } },
              volumeMounts: [
                ...mountsOf({ config: "/etc/caddy" }).map((mount) => ({ ...mount, readOnly: true })),
                ...(tlsKey === undefined ? [] : [{ name: "tls-key", mountPath: "/run/secrets", readOnly: true }]),
                ...mountsOf({ data: "/data", home: "/config", tmp: "/tmp", spool: spoolDirectories.cluster }),
              ],
            },
          ],
          volumes: [
            { name: "config", configMap: { name: config } },
            ...(tlsKey === undefined ? [] : [secretFiles("tls-key", [{ secret: tlsKey, key: tlsKeyFile }])]),
            kept ? { name: "data", persistentVolumeClaim: { claimName: names.edge } } : scratch("data", "16Mi"),
            scratch("home", "1Mi"),
            scratch("tmp", "100Mi"),
            // It is on the node's disk. The proxy keeps within its room by itself; a pod that exceeds this limit is
            // evicted.
            { name: "spool", emptyDir: { sizeLimit: `${spoolMegabytes + 64}Mi` } },
          ],
        },
      },
    },
  };
}

/**
 * Renders the Service that the world reaches. DigitalOcean makes a load balancer for it, and the domain's DNS record
 * names its address. The load balancer gets no name from us: names count in the whole account, so two stacks with the
 * same one would take each other's users.
 */
export function edgeService(): Unplaced<k8s.core.v1.Service> {
  return {
    metadata: {
      name: names.edge,
      labels: labels("edge"),
      annotations: {
        // Pass TCP on as it is, with the sender's address before it. Otherwise every user would have the load
        // balancer's.
        "service.beta.kubernetes.io/do-loadbalancer-protocol": "tcp",
        "service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol": "true",
      },
    },
    spec: {
      type: "LoadBalancer",
      selector: selector("edge"),
      ports: [
        { name: "http", port: 80, targetPort: "http" },
        { name: "https", port: 443, targetPort: "https" },
      ],
    },
  };
}
