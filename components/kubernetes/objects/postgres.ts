import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import { secretKeys } from "./odoo-container";
import { users } from "../../odoo/users";
import { postgresOptions } from "../../odoo/sizing";
import type { ClusterSize } from "./sizes";
import { labels, names, postgresPort, selector, type Unplaced } from "./names";
import { waited } from "./odoo-pods";
import { fitsData } from "./postgres-data";
import { account, containerSecurity, mountsOf, podSecurity, resources, scratch, secretFiles, variables } from "./pods";

export interface PostgresArgs {
  /** `repository@sha256:…` */
  readonly image: string;
  readonly size: NonNullable<ClusterSize["db"]>;
  /** Secret with the superuser's password. */
  readonly secret: pulumi.Input<string>;
}

/** Recovery after a crash may take long, and must not be cut short. */
const startSeconds = 600;
/** Path of the data's volume in the server's container. */
export const dataMount = "/var/lib/postgresql/data";
const tls = "/run/tls";
/**
 * Makes a key and a certificate at each start, which never leave the pod. No authority signs the certificate, and none
 * needs to: see channelBinding in postgres-access.ts. The image has openssl, on which PostgreSQL's Debian packages
 * depend.
 */
const certificate = `set -eu
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -nodes -days 3650 \\
  -subj /CN=${names.database} -keyout ${tls}/server.key -out ${tls}/server.crt
`;
const tlsOptions = ["ssl=on", `ssl_cert_file=${tls}/server.crt`, `ssl_key_file=${tls}/server.key`];

interface Rhythm {
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

/**
 * Renders PostgreSQL in the namespace. Its volume is a claim of its own and no template: a template cannot be enlarged,
 * and a claim that is made from one belongs to nobody.
 */
export function postgresStatefulSet({ image, size, secret }: PostgresArgs): Unplaced<k8s.apps.v1.StatefulSet> {
  // Ask by TCP: during its first set-up PostgreSQL answers on the socket only. A connection costs a node nothing, a
  // program in the container an eighth of a second of a processor each time.
  const listens = (rhythm: Rhythm) => ({ tcpSocket: { port: "postgresql" }, timeoutSeconds: 5, ...rhythm });
  const answers = (rhythm: Rhythm) => ({
    exec: { command: ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=postgres", "--dbname=postgres"] },
    timeoutSeconds: 5,
    ...rhythm,
  });
  return {
    metadata: { name: names.database, labels: labels("database"), annotations: waited(startSeconds) },
    spec: {
      serviceName: names.database,
      replicas: 1,
      revisionHistoryLimit: 5,
      selector: { matchLabels: selector("database") },
      template: {
        metadata: { labels: labels("database") },
        spec: {
          ...account(names.database),
          securityContext: podSecurity(users.postgres),
          // SIGINT is the image's stop signal: the fast shutdown, which writes what is in memory.
          terminationGracePeriodSeconds: 120,
          initContainers: [
            {
              name: "fits",
              image,
              command: ["sh", "-c", fitsData(dataMount)],
              resources: resources(size),
              securityContext: containerSecurity(),
              // Pulumi shows the end of a container: here, why the server does not start.
              terminationMessagePolicy: "FallbackToLogsOnError",
              volumeMounts: mountsOf({ data: dataMount }),
            },
            {
              name: "certificate",
              image,
              command: ["sh", "-c", certificate],
              resources: resources(size),
              securityContext: containerSecurity(),
              volumeMounts: mountsOf({ tls }),
            },
          ],
          containers: [
            {
              name: "postgres",
              image,
              args: [
                "postgres",
                ...[...postgresOptions(size.maxConnections, size), ...tlsOptions].flatMap((option) => ["-c", option]),
              ],
              env: variables({
                // Below the mount, where a new volume has a lost+found.
                PGDATA: `${dataMount}/pgdata`,
                POSTGRES_INITDB_ARGS: "--data-checksums",
                POSTGRES_PASSWORD_FILE: `/run/secrets/${secretKeys.admin}`,
              }),
              ports: [{ name: "postgresql", containerPort: postgresPort }],
              resources: resources(size),
              securityContext: containerSecurity(),
              startupProbe: listens({ periodSeconds: 1, failureThreshold: startSeconds }),
              livenessProbe: answers({ periodSeconds: 60, failureThreshold: 3 }),
              readinessProbe: listens({ periodSeconds: 5, failureThreshold: 3 }),
              volumeMounts: [
                ...mountsOf({ data: dataMount, tmp: "/tmp", run: "/var/run/postgresql", shm: "/dev/shm" }),
                { name: "secrets", mountPath: "/run/secrets", readOnly: true },
                { name: "tls", mountPath: tls, readOnly: true },
              ],
            },
          ],
          volumes: [
            { name: "data", persistentVolumeClaim: { claimName: names.database } },
            scratch("tmp", "100Mi"),
            scratch("run", "16Mi"),
            // Parallel queries exchange their rows there.
            scratch("shm", `${size.shmMiB}Mi`),
            scratch("tls", "1Mi"),
            secretFiles("secrets", [{ secret, key: secretKeys.admin }]),
          ],
        },
      },
    },
  };
}

/** Headless: the name leads to the pod itself. */
export function postgresService(): Unplaced<k8s.core.v1.Service> {
  return {
    metadata: { name: names.database, labels: labels("database") },
    spec: {
      type: "ClusterIP",
      clusterIP: "None",
      selector: selector("database"),
      ports: [{ name: "postgresql", port: postgresPort, targetPort: "postgresql" }],
    },
  };
}
