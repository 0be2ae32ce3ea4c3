/** Figures of Odoo and PostgreSQL that hold on every target: memory of processes, connections, tuning. */

const MiB = 1024 * 1024;
/** Limits and reservation that Odoo gets where they fit. */
export const usual = { odooMiB: 2048, odooCpus: 2, reservedMiB: 512, reservedCpus: 0.5 };
/** Odoo's master, cron and websocket processes; then what each worker adds, most of the code being shared. */
const odooBaseMiB = 200;
const odooWorkerMiB = 180;
/** Memory of a connection of PostgreSQL that has loaded the catalogue of Odoo's thousand tables. */
const sessionMiB = 8;
/** A worker serves one request at a time; the websocket process serves many, and needs the most. */
export const dbMaxconn = 16;
/** The smoke test's server: two workers, as the smallest production has. */
export const taskWorkers = 2;
/**
 * Connections beside Odoo's: the release worker's, an operator's, and those that PostgreSQL keeps for its superuser.
 */
export const otherConnections = 13;
/** Megabytes of /tmp, and what is free there beside the largest upload. */
const tmpMiB = { usual: 100, beside: 32 };

/** Size of Odoo's /tmp, where it keeps an upload while it comes in. It is memory, and counts as Odoo's. */
export function temporaryMiB(bodyMegabytes: number): number {
  return Math.max(tmpMiB.usual, bodyMegabytes + tmpMiB.beside);
}

/** Returns the memory of an Odoo with that many processes that serve requests. */
export function memoryOfWorkers(workers: number): number {
  return odooBaseMiB + workers * odooWorkerMiB;
}

/** Returns as many workers as memory and processors have use for, at least two. */
export function fittingWorkers(memoryMiB: number, cpus: number): number {
  return Math.max(2, Math.min(Math.floor(2 * cpus + 1), Math.floor((memoryMiB - odooBaseMiB) / odooWorkerMiB)));
}

/** Limits of a process of Odoo, in bytes of address space. */
export interface AddressLimits {
  /** Above it a worker is replaced, once its request is done. */
  readonly limitMemorySoft: number;
  /** A worker cannot exceed it. */
  readonly limitMemoryHard: number;
}

/** Address limits for a container with so much memory. */
export function addressLimits(memoryMiB: number): AddressLimits {
  const limitMemorySoft = Math.max(1024, memoryMiB) * MiB;
  // wkhtmltopdf inherits this limit, and reserves a gigabyte of addresses that it never uses.
  return { limitMemorySoft, limitMemoryHard: Math.max(2048 * MiB, limitMemorySoft * 1.25) };
}

/** Figures of how PostgreSQL uses its memory. */
export interface PostgresTuning {
  readonly sharedBuffersMiB: number;
  readonly effectiveCacheMiB: number;
  readonly workMemMiB: number;
  readonly maintenanceWorkMemMiB: number;
  readonly shmMiB: number;
}

/** @param busy processes that serve requests at a time */
export function postgresTuning(memoryMiB: number, busy: number): PostgresTuning {
  return {
    sharedBuffersMiB: Math.floor(memoryMiB / 4),
    effectiveCacheMiB: Math.floor(memoryMiB * 0.7),
    // Two sorts at once in each process that serves a request take a quarter of the memory.
    workMemMiB: Math.max(2, Math.min(64, Math.floor(memoryMiB / 8 / busy))),
    maintenanceWorkMemMiB: Math.max(32, Math.min(1024, Math.floor(memoryMiB / 16))),
    // Parallel queries exchange their rows there; 64 MiB, Docker's default, is too little for large ones.
    shmMiB: Math.max(64, Math.min(1024, Math.floor(memoryMiB / 8))),
  };
}

/** Returns the memory that PostgreSQL needs while that many processes sort at once. */
export function memoryOfSessions({ sharedBuffersMiB, workMemMiB }: PostgresTuning, busy: number): number {
  return sharedBuffersMiB + busy * (2 * workMemMiB + sessionMiB);
}

/** Renders PostgreSQL's options, as they follow `postgres -c`. */
export function postgresOptions(maxConnections: number, tuning: PostgresTuning): string[] {
  const options = {
    max_connections: maxConnections,
    shared_buffers: `${tuning.sharedBuffersMiB}MB`,
    effective_cache_size: `${tuning.effectiveCacheMiB}MB`,
    work_mem: `${tuning.workMemMiB}MB`,
    maintenance_work_mem: `${tuning.maintenanceWorkMemMiB}MB`,
    // Solid-state disks.
    random_page_cost: 1.1,
    password_encryption: "scram-sha-256",
  };
  return Object.entries(options).map(([name, value]) => `${name}=${value}`);
}
