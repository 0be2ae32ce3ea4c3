import { ShipError } from "./errors";

/** What a host has. */
export interface HostCapacity {
  /** As the host itself sees it: a "2 GB" machine has a little less than 2048. */
  readonly memoryMiB: number;
  readonly cpus: number;
}

/** What the settings ask for; 0 leaves it to {@link hostSize}. */
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

/** How a host's memory and processors are shared out. All memory limits together leave room for the system. */
export interface HostSize {
  readonly host: HostCapacity;
  /** Kernel, Docker, SSH: what no container gets. */
  readonly systemMiB: number;
  readonly odoo: ContainerLimits & {
    readonly reservedMiB: number;
    readonly reservedCpus: number;
    readonly workers: number;
    readonly cronThreads: number;
    /** Connections to PostgreSQL that each process may open. */
    readonly dbMaxconn: number;
    /** Bytes of address space after which a worker is replaced, once its request is done. */
    readonly limitMemorySoft: number;
    /** Bytes of address space that a worker cannot exceed. */
    readonly limitMemoryHard: number;
  };
  /** The one-off container of a release, which rehearses beside the Odoo that serves. */
  readonly task: ContainerLimits & { readonly workers: number };
  readonly db: ContainerLimits & {
    readonly maxConnections: number;
    readonly sharedBuffersMiB: number;
    readonly effectiveCacheMiB: number;
    readonly workMemMiB: number;
    readonly maintenanceWorkMemMiB: number;
    readonly shmMiB: number;
  };
  readonly proxy: ContainerLimits;
}

const MiB = 1024 * 1024;
/** E2's figures: what Odoo gets where it fits. */
export const usual = { odooMiB: 2048, odooCpus: 2, reservedMiB: 512, reservedCpus: 0.5 };
/** Below these nothing works well: PostgreSQL with a small cache, and an upgrade of the modules in one process. */
const leastDbMiB = 320;
const leastTaskMiB = 512;
/** Odoo's master, cron and websocket processes; then what each worker adds, most of the code being shared. */
const odooBaseMiB = 200;
const odooWorkerMiB = 180;
/** What a connection of PostgreSQL holds that has loaded the catalogue of Odoo's thousand tables. */
const sessionMiB = 8;
/** A worker serves one request at a time; the websocket process serves many, and needs the most. */
export const dbMaxconn = 16;
/** The smoke test's server: two workers, as the smallest production has. */
export const taskWorkers = 2;
/** Beside Odoo's: the release worker's, an operator's, and those that PostgreSQL keeps for its superuser. */
export const otherConnections = 13;
/** Megabytes of /tmp (A6), and what is free there beside the largest upload. */
const tmpMiB = { usual: 100, beside: 32 };

/** Size of Odoo's /tmp, where it keeps an upload while it comes in. It is memory, and counts as Odoo's. */
export function temporaryMiB(bodyMegabytes: number): number {
  return Math.max(tmpMiB.usual, bodyMegabytes + tmpMiB.beside);
}

/**
 * Memory and processors of a Droplet by its size, such as `s-2vcpu-4gb`, `c-4-8gib` or `g-2vcpu-8gb-intel`; undefined if the name does not
 * tell. Names: https://slugs.do-api.dev
 */
export function sizeOfSlug(slug: string): HostCapacity | undefined {
  const found = /^[a-z0-9_.]+-(\d+)(?:vcpu)?-(\d+)(?:gb|gib)(?:-|$)/.exec(slug);
  if (found === null) {
    return undefined;
  }
  const [, cpus, gigabytes] = found;
  return { cpus: Number(cpus), memoryMiB: Number(gigabytes) * 1024 };
}

/**
 * Shares the host out: Odoo gets E2's figures where they fit, and less on a small host; PostgreSQL gets what remains beside the
 * one-off container of a release.
 * @throws ShipError HOST_TOO_SMALL if what is asked for cannot fit
 */
export function hostSize(host: HostCapacity, wishes: SizeWishes): HostSize {
  const systemMiB = Math.min(2048, Math.round(192 + 0.08 * host.memoryMiB));
  const proxyMiB = host.memoryMiB < 3072 ? 96 : host.memoryMiB < 7168 ? 128 : 256;
  const forAll = Math.floor(host.memoryMiB - systemMiB - proxyMiB);
  const atMost = forAll - leastDbMiB - leastTaskMiB;
  const leastWorkers = wishes.workers === 0 ? 2 : wishes.workers;
  const forWorkersMiB = memoryOfWorkers(leastWorkers);
  const neededMiB = Math.max(forWorkersMiB, wishes.odooMemoryMiB);
  const odooMiB = wishes.odooMemoryMiB === 0 ? Math.min(atMost, Math.max(usual.odooMiB, neededMiB)) : wishes.odooMemoryMiB;
  if (atMost < neededMiB) {
    throw tooSmall(
      `memory for Odoo: ${Math.max(0, atMost)} MiB are left of ${host.memoryMiB} MiB, after ${systemMiB} for the system, ${proxyMiB} for the proxy, ` +
        `${leastDbMiB} for PostgreSQL and ${leastTaskMiB} for upgrades`,
      `${neededMiB} MiB` + (wishes.odooMemoryMiB === 0 ? ` for ${leastWorkers} workers` : " (vps:odooMemoryMiB)"),
    );
  }
  if (odooMiB < forWorkersMiB) {
    throw tooSmall(`vps:odooMemoryMiB ${odooMiB} for ${leastWorkers} workers`, `at least ${forWorkersMiB} MiB for so many`);
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
    throw tooSmall(`${db.memoryMiB} MiB for PostgreSQL, which serves ${workers} workers`, `at least ${forSessionsMiB} MiB for so many`);
  }
  return {
    host,
    systemMiB,
    odoo: {
      memoryMiB: odooMiB,
      // Shares that give Odoo half of each processor, its reservation, against all others at once.
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
    task: { memoryMiB: taskMiB, cpus: host.cpus, cpuShares: 512, pids: 512, workers: taskWorkers },
    db: { ...db, cpus: host.cpus, cpuShares: 1024, pids: db.maxConnections + 100 },
    proxy: { memoryMiB: proxyMiB, cpus: Math.min(1, host.cpus), cpuShares: 512, pids: 256 },
  };
}

/** Memory of an Odoo with that many processes that serve requests. */
export function memoryOfWorkers(workers: number): number {
  return odooBaseMiB + workers * odooWorkerMiB;
}

/** As many workers as memory and processors have use for; two at least. */
export function fittingWorkers(memoryMiB: number, cpus: number): number {
  return Math.max(2, Math.min(Math.floor(2 * cpus + 1), Math.floor((memoryMiB - odooBaseMiB) / odooWorkerMiB)));
}

/** Limits of a process of Odoo in bytes of address space, for a container with so much memory. */
export function addressLimits(memoryMiB: number): Pick<HostSize["odoo"], "limitMemorySoft" | "limitMemoryHard"> {
  const limitMemorySoft = Math.max(1024, memoryMiB) * MiB;
  // wkhtmltopdf inherits this limit, and reserves a gigabyte of addresses that it never uses.
  return { limitMemorySoft, limitMemoryHard: Math.max(2048 * MiB, limitMemorySoft * 1.25) };
}

/** How PostgreSQL uses its memory. */
export type PostgresTuning = Pick<
  HostSize["db"],
  "sharedBuffersMiB" | "effectiveCacheMiB" | "workMemMiB" | "maintenanceWorkMemMiB" | "shmMiB"
>;

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

/** What PostgreSQL needs while that many processes sort at once. */
export function memoryOfSessions({ sharedBuffersMiB, workMemMiB }: PostgresTuning, busy: number): number {
  return sharedBuffersMiB + busy * (2 * workMemMiB + sessionMiB);
}

/** PostgreSQL's options, as they follow `postgres -c`. */
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

function databaseSize(memoryMiB: number, odooProcesses: number): Omit<HostSize["db"], keyof ContainerLimits> & { memoryMiB: number } {
  // The websocket process, and of the one-off container the workers, the websocket process and the master, and the worker itself.
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
    remedy: "take a larger host (vps:size; 2 GB of memory are the least), or lower vps:odooMemoryMiB, vps:workers or vps:odooCpus",
  });
}
