import { createHash } from "node:crypto";

import { healthPort, hostPort } from "../proxy/site";
import { postgresOptions, temporaryMiB } from "../odoo/sizing";
import type { Settings } from "../../settings";
import { odooSecrets, odooVariables, optionsLabel } from "./compose-odoo";
import { names } from "./names";
import { type ContainerLimits, type HostSize } from "./size";
import { users } from "../odoo/users";
import { requirePinned } from "../registry/reference";
import { tasksNetwork } from "./tasks-network";

/** Arguments of the Compose project. */
export interface ComposeProjectArgs {
  /** Each `repository@sha256:…`. */
  readonly images: { readonly odoo: string; readonly postgres: string; readonly proxy: string };
  readonly odoo: Settings["odoo"];
  readonly size: HostSize;
  /** Largest request that the proxy accepts. */
  readonly bodyMegabytes: number;
  readonly logging: Pick<Settings["vps"], "logging" | "fluentdAddress" | "fluentdTag">;
  /** Text of the files that the proxy reads when it starts; a change replaces its container. */
  readonly proxyFiles: readonly string[];
  /** Whether the proxy's private key is a file of the project. */
  readonly tlsKey: boolean;
  /** Whether a release's own container may reach something outside. */
  readonly tasksWayOut: boolean;
}

/** Files of the project that hold a secret. They are made on the host, and one user can read each. */
export const secretFiles = {
  odooDatabasePassword: "secrets/odoo-db-password",
  /** Password of the role that a release's one-off containers log in with. */
  odooTasksPassword: "secrets/odoo-tasks-password",
  odooMasterPassword: "secrets/odoo-master-password",
  postgresPassword: "secrets/postgres-password",
  odooOptions: "secrets/odoo-options",
  tlsKey: "secrets/tls-key",
} as const;

/**
 * Odoo loads modules from its data directory before those of the image. What an intruder leaves there must not outlive
 * a container, nor reach the release that mends the hole.
 */
const { uid, gid } = users.odoo;
const volatileAddons = `- /var/lib/odoo/addons:rw,noexec,nosuid,nodev,size=1m,mode=0700,uid=${uid},gid=${gid}`;

const header = (what: string) =>
  `# ${what}\n# Written by Pulumi through odoo-ship: a change by hand is replaced by the next release.\n`;

/**
 * Renders the Compose project of a VPS, by file name: what runs, and the one-off container of a release beside it.
 * Nothing in it is secret.
 * @throws ShipError SETTINGS_INVALID for an image that is not named by its digest
 */
export function composeProject(
  args: ComposeProjectArgs,
): Record<"docker-compose.prod.yml" | "docker-compose.release.yml" | ".env", string> {
  Object.values(args.images).forEach(requirePinned);
  return {
    "docker-compose.prod.yml": production(args),
    "docker-compose.release.yml": release(args),
    ".env":
      header("Read by Docker Compose in this directory.") +
      `COMPOSE_PROJECT_NAME=${names.project}\nCOMPOSE_FILE=docker-compose.prod.yml\n`,
  };
}

function production(args: ComposeProjectArgs): string {
  const { images, size, bodyMegabytes, proxyFiles, tlsKey } = args;
  return `${header("What runs on this host.")}#
#   cd ${names.folder} && docker compose up -d     starts it, as it was released
#   docker compose ps                        shows it
#   odoo-ship status                         which release this is, and how to go back
#   odoo-ship deploy --image REPO@sha256:…   deploys another image: one that is written here, or a tag, is no release
name: ${names.project}

services:
  odoo:
    image: ${images.odoo}
    container_name: ${names.containers.odoo}
${hardened(users.odoo, args, "odoo", size.odoo)}
    tmpfs:
      # An upload is kept here while it comes in.
      - /tmp:rw,noexec,nosuid,nodev,size=${temporaryMiB(bodyMegabytes)}m,mode=1777
      - /run:rw,noexec,nosuid,nodev,size=16m,mode=1777
      ${volatileAddons}
    environment:
${odooVariables(args, "odoo", { workers: size.odoo.workers, cronThreads: size.odoo.cronThreads })}
    secrets: [${["odoo-db-password", ...odooSecrets(args)].join(", ")}]
${optionsLabel(args)}\
    volumes:
      - ${names.volumes.filestore}:/var/lib/odoo:nocopy
    networks: [backend, edge]
    # It waits for PostgreSQL by itself.
    depends_on: [db]
    # Requests that are under way are finished.
    stop_grace_period: 60s
    healthcheck:
      test: [CMD, python3, -I, /opt/odoo/entrypoint.py, healthcheck]
      interval: 30s
      timeout: 10s
      start_period: 60s
      retries: 3

  db:
    image: ${images.postgres}
    container_name: ${names.containers.db}
${hardened(users.postgres, args, "db", size.db)}
    tmpfs:
      - /tmp:rw,noexec,nosuid,nodev,size=100m,mode=1777
      - /var/run/postgresql:rw,noexec,nosuid,nodev,size=16m,mode=0775,\
uid=${users.postgres.uid},gid=${users.postgres.gid}
    shm_size: ${size.db.shmMiB}m
    environment:
      PGDATA: /var/lib/postgresql/data
      POSTGRES_INITDB_ARGS: --data-checksums
      POSTGRES_PASSWORD_FILE: /run/secrets/postgres-password
    secrets: [postgres-password]
    command:
      - postgres
${postgresOptions(size.db.maxConnections, size.db)
  .map((option) => `      - -c\n      - ${option}`)
  .join("\n")}
    volumes:
      - ${names.volumes.database}:/var/lib/postgresql/data:nocopy
    # Internal: no way out, and no way in but for Odoo.
    networks: [backend]
    # The fast shutdown: SIGTERM would wait for every session to end by itself.
    stop_signal: SIGINT
    stop_grace_period: 120s
    healthcheck:
      # By TCP: during its first set-up PostgreSQL answers on the socket only.
      test: [CMD, pg_isready, --quiet, --host=127.0.0.1, --username=postgres, --dbname=postgres]
      interval: 30s
      timeout: 5s
      start_period: 60s
      retries: 3

  proxy:
    image: ${images.proxy}
    container_name: ${names.containers.proxy}
${hardened(users.proxy, args, "proxy", size.proxy)}
    # The program of an image that a record names may carry this capability, and does not start where it cannot be had.
    cap_add: [NET_BIND_SERVICE]
    sysctls:
      net.ipv4.ip_unprivileged_port_start: "0"
    tmpfs:
      - /tmp:rw,noexec,nosuid,nodev,size=100m,mode=1777
      - /config:rw,noexec,nosuid,nodev,size=1m,mode=0700,uid=${users.proxy.uid},gid=${users.proxy.gid}
    command: [caddy, run, --config, /etc/caddy/Caddyfile, --adapter, caddyfile]
    environment:
      XDG_CONFIG_HOME: /config
      XDG_DATA_HOME: /data
${tlsKey ? "    secrets: [tls-key]\n" : ""}    volumes:
      - ./proxy:/etc/caddy:ro
      - ${names.volumes.certificates}:/data:nocopy
    networks: [edge]
    # The proxy's own name for "nowhere": requests wait while proxy/state/hold says -held.
    extra_hosts:
      odoo-held: 127.0.0.1
    ports:
      - 80:80
      - 443:443
      - 443:443/udp
      # For the operator on this host only. Past the proxy a release that is only tried would be written to.
      - 127.0.0.1:8069:${hostPort}
    labels:
      # Its files are read once, when it starts: another text is another container.
      odoo-ship.proxy-files: ${fingerprint(proxyFiles)}
    stop_grace_period: 15s
    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:${healthPort}/"]
      interval: 30s
      timeout: 5s
      start_period: 10s
      retries: 3

networks:
  backend:
    internal: true
  edge: {}

# Made by odoo-ship, each for the user of its service ("nocopy": the image's own directory would bring its own \
owner). "external"
# keeps \`docker compose down --volumes\` from removing them.
volumes:
  ${names.volumes.filestore}:
    external: true
  ${names.volumes.database}:
    external: true
  ${names.volumes.certificates}:
    external: true

# One file for each user that reads it, mode 0400.
${secrets(["odoo-db-password", ...odooSecrets(args), "postgres-password", ...(tlsKey ? ["tls-key"] : [])])}`;
}

function release(args: ComposeProjectArgs): string {
  const { images, size, tasksWayOut } = args;
  const what = "The one-off container of a release, used by odoo-ship beside docker-compose.prod.yml";
  return `${header(`${what}: upgrade, rehearsal, smoke test.`)}\
# It reaches PostgreSQL and ${tasksWayOut ? "what release:egress names" : "nothing else: no mail can leave it"}.
services:
  odoo-task:
    image: ${images.odoo}
    profiles: [release]
${hardened(users.odoo, args, "odoo-task", size.task, "no")}
    tmpfs:
      - /tmp:rw,noexec,nosuid,nodev,size=100m,mode=1777
      - /run:rw,noexec,nosuid,nodev,size=16m,mode=1777
      ${volatileAddons}
    environment:
      # It changes the database that this release's marker is about to be written into.
      ODOO_RELEASE_TASK: "1"
${odooVariables(args, "odoo_tasks", { workers: size.task.workers, cronThreads: 0 })}
    secrets: [${["odoo-tasks-password", ...odooSecrets(args)].join(", ")}]
    labels:
      # Behind the closed door Odoo does not run, and its memory is there.
      odoo-ship.memory-alone-mib: "${size.task.aloneMiB}"
    volumes:
      - ${names.volumes.filestore}:/var/lib/odoo:nocopy
    networks: [backend${tasksWayOut ? ", tasks" : ""}]
    stop_grace_period: 30s
    healthcheck:
      disable: true

${tasksWayOut ? tasksNetwork : ""}${secrets(["odoo-tasks-password"])}`;
}

/**
 * Renders what all containers have: hardening, limits and logs. Docker's default AppArmor and seccomp profiles stay on.
 */
function hardened(
  user: { uid: number; gid: number },
  { logging }: ComposeProjectArgs,
  service: string,
  limits: ContainerLimits & { reservedMiB?: number; reservedCpus?: number },
  restart = "unless-stopped",
): string {
  const { memoryMiB, cpus, cpuShares, pids, reservedMiB, reservedCpus } = limits;
  const reservations =
    reservedMiB === undefined || reservedCpus === undefined
      ? ""
      : `\n        reservations:\n          memory: ${reservedMiB}m\n          cpus: "${reservedCpus}"`;
  return `    restart: ${restart === "no" ? '"no"' : restart}
    user: "${user.uid}:${user.gid}"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    deploy:
      resources:
        limits:
          memory: ${memoryMiB}m
          cpus: "${cpus}"
          pids: ${pids}${reservations}
    # Docker holds no processor back: this weight is what a reservation means when processors are short.
    cpu_shares: ${cpuShares}
    logging:
${logs(logging, service)}`;
}

function logs({ logging, fluentdAddress, fluentdTag }: ComposeProjectArgs["logging"], service: string): string {
  return logging === "json-file"
    ? `      driver: json-file
      options:
        max-size: 100m
        max-file: "5"`
    : `      driver: fluentd
      options:
        fluentd-address: ${JSON.stringify(fluentdAddress)}
        # A service starts also while Fluentd does not answer.
        fluentd-async: "true"
        tag: ${JSON.stringify(`${fluentdTag}.${service}`)}`;
}

function secrets(names: readonly string[]): string {
  return ["secrets:", ...names.map((name) => `  ${name}:\n    file: ./secrets/${name}`), ""].join("\n");
}

function fingerprint(texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 16);
}
