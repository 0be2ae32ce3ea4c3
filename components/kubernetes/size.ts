import {
  addressLimits,
  dbMaxconn as usualMaxconn,
  fittingWorkers,
  memoryOfSessions,
  memoryOfWorkers,
  otherConnections,
  postgresTuning,
  taskWorkers,
  usual,
} from "../odoo/sizing";
import { sizeOfSlug } from "../shared/size-slug";
import type { ClusterSize } from "./objects/sizes";
import type { Settings } from "../../settings";
import { ShipError } from "../shared/errors";

/** A cron job is one process. Its PDFs are fetched from a second one. */
const cronWorkers = 1;
const usualCronThreads = 2;
/** A pod's guard holds one connection, and looks at the fence with another. */
const guardConnections = 2;
/** Below this, requests would wait for each other's connections. */
const leastMaxconn = 4;
/** Pods that a rollout adds. */
const surge = 1;

/**
 * Shares memory and connections out. On a host everything has its part of one machine; here each pod has its own.
 * @throws ShipError HOST_TOO_SMALL if the workers do not fit into their pod, DATABASE_TOO_SMALL if their connections do
 *   not fit
 */
export function clusterSize(doks: Settings["doks"]): ClusterSize {
  const workers = doks.workers === 0 ? fittingWorkers(doks.odooMemoryMiB, doks.odooCpus) : doks.workers;
  const usually = memoryOfWorkers(cronWorkers + usualCronThreads) <= doks.odooMemoryMiB ? usualCronThreads : 1;
  const cronThreads = doks.cronThreads === 0 ? usually : doks.cronThreads;
  for (const [count, what] of [
    [workers, `${workers} workers`],
    [cronWorkers + cronThreads, `${cronThreads} cron processes`],
  ] as const) {
    if (memoryOfWorkers(count) > doks.odooMemoryMiB) {
      throw new ShipError({
        code: "HOST_TOO_SMALL",
        summary: "a pod of Odoo is too small for its processes",
        found: `doks:odooMemoryMiB ${doks.odooMemoryMiB} for ${what}`,
        expected: `at least ${memoryOfWorkers(count)} MiB for so many`,
        remedy: "raise doks:odooMemoryMiB, or lower doks:workers or doks:cronThreads",
      });
    }
  }
  const pods = Math.max(doks.replicas, doks.replicasMax) + surge;
  const { maxConnections, dbMaxconn } = connections(doks, { pods, workers, cronThreads });
  const requests = {
    requestedMiB: Math.min(usual.reservedMiB, doks.odooMemoryMiB),
    requestedCpus: Math.min(usual.reservedCpus, doks.odooCpus),
  };
  const pod = { memoryMiB: doks.odooMemoryMiB, cpus: doks.odooCpus, dbMaxconn, ...addressLimits(doks.odooMemoryMiB) };
  // They wait for work most of the time, so a node need not keep processors free for them.
  const modest = { requestedMiB: Math.min(256, doks.odooMemoryMiB), requestedCpus: Math.min(0.1, doks.odooCpus) };
  return {
    web: { ...pod, ...requests, workers, cronThreads: 0 },
    cron: { ...pod, ...modest, workers: cronWorkers, cronThreads },
    task: { ...pod, ...modest, workers: taskWorkers, cronThreads: 0 },
    edge: { memoryMiB: 256, cpus: 1, requestedMiB: 64, requestedCpus: 0.05 },
    db:
      doks.databaseMode === "managed"
        ? undefined
        : postgres(doks, maxConnections, pods * workers + cronWorkers + cronThreads + taskWorkers),
  };
}

/**
 * Returns how many connections a managed database of that size takes: 25 for each GB, of which DigitalOcean keeps
 * three, up to 997.
 */
export function connectionsOfDatabase(slug: string): number | undefined {
  const gigabytes = sizeOfSlug(slug.replace(/^db-/, ""));
  return gigabytes && Math.min(997, (gigabytes.memoryMiB / 1024) * 25 - 3);
}

/** Counts the connections that a rollout opens at most, and how many of them each process may have. */
function connections(
  doks: Settings["doks"],
  { pods, workers, cronThreads }: { pods: number; workers: number; cronThreads: number },
): { maxConnections: number; dbMaxconn: number } {
  const websocket = 1;
  const master = 1;
  const processes =
    pods * (workers + websocket) + (cronWorkers + cronThreads + websocket) + (taskWorkers + websocket + master);
  const others = otherConnections + (pods + 1) * guardConnections;
  const needed = (each: number) => processes * each + others;
  const given =
    doks.databaseConnections === 0 && doks.databaseMode === "managed"
      ? connectionsOfDatabase(doks.databaseSize)
      : doks.databaseConnections;
  if (given === undefined || given === 0) {
    const dbMaxconn = doks.dbMaxconn === 0 ? usualMaxconn : doks.dbMaxconn;
    return { maxConnections: Math.ceil(needed(dbMaxconn) / 10) * 10, dbMaxconn };
  }
  const dbMaxconn =
    doks.dbMaxconn === 0 ? Math.min(usualMaxconn, Math.floor((given - others) / processes)) : doks.dbMaxconn;
  if (dbMaxconn < (doks.dbMaxconn === 0 ? leastMaxconn : 0) || needed(dbMaxconn) > given) {
    const each = Math.max(dbMaxconn, leastMaxconn);
    const setting = doks.databaseMode === "managed" ? doks.databaseSize : "doks:databaseConnections";
    throw new ShipError({
      code: "DATABASE_TOO_SMALL",
      summary: "PostgreSQL takes fewer connections than Odoo may open",
      found: `${given} connections (${setting})`,
      expected:
        `at least ${needed(each)}: ${processes} processes in ${pods} web pods, cron and release with ` +
        `${each} each, and ${others} others`,
      remedy:
        doks.databaseMode === "managed"
          ? "take a larger doks:databaseSize, or lower doks:replicas, doks:workers or doks:dbMaxconn"
          : "raise doks:databaseConnections, or lower doks:replicas, doks:workers or doks:dbMaxconn",
    });
  }
  return { maxConnections: given, dbMaxconn };
}

function postgres(doks: Settings["doks"], maxConnections: number, busy: number): ClusterSize["db"] {
  const tuning = postgresTuning(doks.databaseMemoryMiB, busy);
  const needed = memoryOfSessions(tuning, busy);
  if (needed > doks.databaseMemoryMiB) {
    throw new ShipError({
      code: "DATABASE_TOO_SMALL",
      summary: "PostgreSQL has too little memory for the processes that it serves",
      found: `doks:databaseMemoryMiB ${doks.databaseMemoryMiB} for ${busy} processes`,
      expected: `at least ${needed} MiB for so many`,
      remedy: "raise doks:databaseMemoryMiB, or lower doks:replicas or doks:workers",
    });
  }
  return {
    memoryMiB: doks.databaseMemoryMiB,
    cpus: doks.databaseCpus,
    requestedMiB: Math.min(512, doks.databaseMemoryMiB),
    requestedCpus: Math.min(0.25, doks.databaseCpus),
    maxConnections,
    ...tuning,
  };
}
