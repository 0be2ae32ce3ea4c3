import {
  addressLimits,
  dbMaxconn,
  fittingWorkers,
  memoryOfSessions,
  memoryOfWorkers,
  otherConnections,
  type PostgresTuning,
  postgresTuning,
  taskWorkers,
  usual,
} from "../odoo/sizing";
import type { OdooProcesses } from "../odoo/environment";
import { ShipError } from "../shared/errors";
import type { Capacity } from "../shared/size-slug";

/** Wishes of the settings; 0 leaves the choice to {@link hostSize}. */
export interface SizeWishes {
  readonly workers: number;
  readonly cronThreads: number;
  readonly odooMemoryMiB: number;
  readonly odooCpus: number;
}

/** Limits of one container. */
export interface ContainerLimits {
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Weight against the other containers when processors are short; Docker's default is 1024. */
  readonly cpuShares: number;
  readonly pids: number;
}

/** Shares of a host's memory and processors. All memory limits together leave room for the system. */
export interface HostSize {
  readonly host: Capacity;
  /** Memory for kernel, Docker and SSH, which no container gets. */
  readonly systemMiB: number;
  readonly odoo: ContainerLimits & OdooProcesses & { readonly reservedMiB: number; readonly reservedCpus: number };
  /** The one-off container of a release, which rehearses beside the Odoo that serves. */
  readonly task: ContainerLimits & {
    readonly workers: number;
    /** Its memory while Odoo does not run, behind the closed door. */
    readonly aloneMiB: number;
  };
  readonly db: ContainerLimits & PostgresTuning & { readonly maxConnections: number };
  readonly proxy: ContainerLimits;
}

/** Below these nothing works well: PostgreSQL with a small cache, and an upgrade of the modules in one process. */
const leastDbMiB = 320;
const leastTaskMiB = 512;

/**
 * Shares the host out. Odoo gets its usual limits where they fit, and less on a small host. PostgreSQL gets what
 * remains beside the one-off container of a release.
 * @throws ShipError HOST_TOO_SMALL if what is asked for cannot fit
 */
export function hostSize(host: Capacity, wishes: SizeWishes): HostSize {
  const systemMiB = Math.min(2048, Math.round(192 + 0.08 * host.memoryMiB));
  const proxyMiB = host.memoryMiB < 3072 ? 96 : host.memoryMiB < 7168 ? 128 : 256;
  const forAll = Math.floor(host.memoryMiB - systemMiB - proxyMiB);
  const atMost = forAll - leastDbMiB - leastTaskMiB;
  const leastWorkers = wishes.workers === 0 ? 2 : wishes.workers;
  const forWorkersMiB = memoryOfWorkers(leastWorkers);
  const neededMiB = Math.max(forWorkersMiB, wishes.odooMemoryMiB);
  const odooMiB =
    wishes.odooMemoryMiB === 0 ? Math.min(atMost, Math.max(usual.odooMiB, neededMiB)) : wishes.odooMemoryMiB;
  if (atMost < neededMiB) {
    throw tooSmall(
      `memory for Odoo: ${Math.max(0, atMost)} MiB are left of ${host.memoryMiB} MiB, after ${systemMiB} for the ` +
        `system, ${proxyMiB} for the proxy, ` +
        `${leastDbMiB} for PostgreSQL and ${leastTaskMiB} for upgrades`,
      `${neededMiB} MiB` + (wishes.odooMemoryMiB === 0 ? ` for ${leastWorkers} workers` : " (vps:odooMemoryMiB)"),
    );
  }
  if (odooMiB < forWorkersMiB) {
    throw tooSmall(
      `vps:odooMemoryMiB ${odooMiB} for ${leastWorkers} workers`,
      `at least ${forWorkersMiB} MiB for so many`,
    );
  }
  if (wishes.odooCpus > host.cpus) {
    throw tooSmall(`vps:odooCpus ${wishes.odooCpus} on a host with ${host.cpus}`, "no more than the host has");
  }
  const odooCpus = wishes.odooCpus === 0 ? Math.min(usual.odooCpus, host.cpus) : wishes.odooCpus;
  const workers = wishes.workers === 0 ? fittingWorkers(odooMiB, odooCpus) : wishes.workers;
  const cronThreads = wishes.cronThreads === 0 ? (workers < 4 ? 1 : 2) : wishes.cronThreads;

  const rest = forAll - odooMiB;
  const taskMiB = Math.max(leastTaskMiB, Math.min(2048, Math.floor(rest * 0.4)));
  const db = databaseSize(rest - taskMiB, workers + cronThreads);
  const forSessionsMiB = memoryOfSessions(db, workers + cronThreads + taskWorkers);
  if (forSessionsMiB > db.memoryMiB) {
    throw tooSmall(
      `${db.memoryMiB} MiB for PostgreSQL, which serves ${workers} workers`,
      `at least ${forSessionsMiB} MiB for so many`,
    );
  }
  return {
    host,
    systemMiB,
    odoo: {
      memoryMiB: odooMiB,
      // These shares give Odoo its reservation, half of each processor, when all others want it at once.
      cpus: odooCpus,
      cpuShares: 2048,
      pids: 512,
      reservedMiB: Math.min(usual.reservedMiB, odooMiB),
      reservedCpus: Math.min(usual.reservedCpus, odooCpus),
      workers,
      cronThreads,
      dbMaxconn,
      ...addressLimits(odooMiB),
    },
    task: {
      memoryMiB: taskMiB,
      aloneMiB: taskMiB + odooMiB,
      cpus: host.cpus,
      cpuShares: 512,
      pids: 512,
      workers: taskWorkers,
    },
    db: { ...db, cpus: host.cpus, cpuShares: 1024, pids: db.maxConnections + 100 },
    proxy: { memoryMiB: proxyMiB, cpus: Math.min(1, host.cpus), cpuShares: 512, pids: 256 },
  };
}

function databaseSize(
  memoryMiB: number,
  odooProcesses: number,
): Omit<HostSize["db"], keyof ContainerLimits> & { memoryMiB: number } {
  // Count Odoo's websocket process; of the one-off container its workers, websocket process and master; and the worker
  // itself.
  const processes = odooProcesses + 1 + taskWorkers + 2;
  return {
    memoryMiB,
    maxConnections: Math.ceil((processes * dbMaxconn + otherConnections) / 10) * 10,
    ...postgresTuning(memoryMiB, odooProcesses + taskWorkers),
  };
}

function tooSmall(found: string, expected: string): ShipError {
  return new ShipError({
    code: "HOST_TOO_SMALL",
    summary: "the host is too small for what the settings ask of it",
    found,
    expected,
    remedy:
      "take a larger host (vps:size; 2 GB of memory are the least), or lower vps:odooMemoryMiB, vps:workers or " +
      "vps:odooCpus",
  });
}
