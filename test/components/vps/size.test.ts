import assert from "node:assert/strict";

import fc from "fast-check";

import { type Capacity, sizeOfSlug } from "../../../components/shared/size-slug";
import { ShipError } from "../../../components/shared/errors";
import { hostSize, type SizeWishes } from "../../../components/vps/size";

const none: SizeWishes = { workers: 0, cronThreads: 0, odooMemoryMiB: 0, odooCpus: 0 };
const MiB = 1024 * 1024;

function refusal(host: Capacity, wishes: Partial<SizeWishes> = {}): ShipError {
  try {
    hostSize(host, { ...none, ...wishes });
  } catch (error) {
    assert.ok(error instanceof ShipError, String(error));
    assert.equal(error.code, "HOST_TOO_SMALL");
    return error;
  }
  throw new assert.AssertionError({ message: "the host was taken" });
}

const hosts = fc.record({
  memoryMiB: fc.integer({ min: 1900, max: 512 * 1024 }),
  cpus: fc.integer({ min: 1, max: 64 }),
});
const wishes = fc.record({
  workers: fc.oneof(fc.constant(0), fc.integer({ min: 2, max: 64 })),
  cronThreads: fc.integer({ min: 0, max: 16 }),
  odooMemoryMiB: fc.oneof(fc.constant(0), fc.integer({ min: 512, max: 65536 })),
  odooCpus: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 64 })),
});

describe("the size of a host", () => {
  it("gives Odoo 2 GiB and 2 processors, of which 512 MiB and 0.5 are reserved, where they fit", () => {
    const { odoo } = hostSize({ memoryMiB: 4096, cpus: 2 }, none);
    assert.deepEqual([odoo.memoryMiB, odoo.cpus, odoo.reservedMiB, odoo.reservedCpus], [2048, 2, 512, 0.5]);
    assert.deepEqual([odoo.workers, odoo.cronThreads], [5, 2]);
    assert.deepEqual([odoo.limitMemorySoft, odoo.limitMemoryHard], [2147483648, 2684354560]);
  });

  it("gives less on a host with 2 GB, whose kernel takes some of it", () => {
    const { odoo, db } = hostSize({ memoryMiB: 1967, cpus: 1 }, none);
    assert.ok(odoo.memoryMiB >= 560 && odoo.memoryMiB < 1024, String(odoo.memoryMiB));
    assert.deepEqual([odoo.workers, odoo.cronThreads, odoo.cpus], [2, 1, 1]);
    assert.ok(db.memoryMiB >= 320);
  });

  it("refuses a host with 1 GB, and says what is found, what is expected and what to do", () => {
    const { failure } = refusal({ memoryMiB: 1024, cpus: 1 });
    assert.match(failure.found, /1024 MiB/);
    assert.match(failure.expected, /560 MiB for 2 workers/);
    assert.match(failure.remedy, /vps:size/);
  });

  it("shares out no more than the host has, with room for an upgrade beside the Odoo that serves", () => {
    fc.assert(
      fc.property(hosts, (host) => {
        const { systemMiB, odoo, task, db, proxy } = hostSize(host, none);
        assert.ok(systemMiB + odoo.memoryMiB + task.memoryMiB + db.memoryMiB + proxy.memoryMiB <= host.memoryMiB);
        assert.ok(systemMiB >= 300 && task.memoryMiB >= 512 && db.memoryMiB >= 320 && proxy.memoryMiB >= 96);
        // Docker refuses a limit above what the host has.
        for (const { cpus } of [odoo, task, db, proxy]) {
          assert.ok(cpus > 0 && cpus <= host.cpus);
        }
      }),
    );
  });

  it("never gives what does not fit, whatever is asked for", () => {
    fc.assert(
      fc.property(hosts, wishes, (host, wish) => {
        let size;
        try {
          size = hostSize(host, wish);
        } catch (error) {
          assert.ok(error instanceof ShipError && error.code === "HOST_TOO_SMALL", String(error));
          return;
        }
        const { systemMiB, odoo, task, db, proxy } = size;
        assert.ok(systemMiB + odoo.memoryMiB + task.memoryMiB + db.memoryMiB + proxy.memoryMiB <= host.memoryMiB);
        assert.ok(odoo.workers >= 2 && odoo.cronThreads >= 1);
        assert.ok(odoo.workers * 180 + 200 <= odoo.memoryMiB);
        assert.ok(odoo.reservedMiB <= odoo.memoryMiB && odoo.reservedCpus <= odoo.cpus);
        // Every process's connections, those of a smoke test beside them, and three that PostgreSQL keeps for its superuser.
        const processes = odoo.workers + odoo.cronThreads + 1 + task.workers + 1;
        assert.ok(processes * odoo.dbMaxconn + 3 <= db.maxConnections);
        const sorting = (odoo.workers + odoo.cronThreads) * db.workMemMiB * 2;
        assert.ok(db.sharedBuffersMiB + sorting <= db.memoryMiB);
        assert.ok(db.effectiveCacheMiB < db.memoryMiB && db.shmMiB >= 64);
        assert.ok(odoo.limitMemorySoft < odoo.limitMemoryHard);
        assert.ok(odoo.limitMemorySoft >= odoo.memoryMiB * MiB);
      }),
      { numRuns: 500 },
    );
  });

  it("does exactly what is asked for", () => {
    const wish = { workers: 8, cronThreads: 3, odooMemoryMiB: 6000, odooCpus: 4 };
    const { odoo } = hostSize({ memoryMiB: 16384, cpus: 8 }, wish);
    assert.deepEqual([odoo.workers, odoo.cronThreads, odoo.memoryMiB, odoo.cpus], [8, 3, 6000, 4]);
  });

  it("gives Odoo more than 2 GiB when more workers are asked for", () => {
    assert.equal(hostSize({ memoryMiB: 16384, cpus: 8 }, { ...none, workers: 20 }).odoo.memoryMiB, 200 + 20 * 180);
  });

  const impossible: [title: string, host: Capacity, wish: Partial<SizeWishes>, found: RegExp][] = [
    ["more memory for Odoo than there is", { memoryMiB: 4096, cpus: 2 }, { odooMemoryMiB: 4096 }, /memory for Odoo/],
    [
      "more workers than the memory of the host holds",
      { memoryMiB: 4096, cpus: 2 },
      { workers: 32 },
      /memory for Odoo/,
    ],
    [
      "more workers than Odoo's own limit holds",
      { memoryMiB: 16384, cpus: 8 },
      { workers: 32, odooMemoryMiB: 2048 },
      /vps:odooMemoryMiB 2048/,
    ],
    ["more processors than there are", { memoryMiB: 4096, cpus: 2 }, { odooCpus: 3 }, /vps:odooCpus 3/],
    [
      "workers whose connections leave PostgreSQL no memory",
      { memoryMiB: 16384, cpus: 8 },
      { workers: 30, odooMemoryMiB: 13700 },
      /for PostgreSQL/,
    ],
  ];
  for (const [title, host, wish, found] of impossible) {
    it(`refuses ${title}`, () => assert.match(refusal(host, wish).failure.found, found));
  }

  it("is told by the name of a Droplet's size", () => {
    assert.deepEqual(sizeOfSlug("s-1vcpu-2gb"), { cpus: 1, memoryMiB: 2048 });
    assert.deepEqual(sizeOfSlug("s-2vcpu-4gb"), { cpus: 2, memoryMiB: 4096 });
    assert.deepEqual(sizeOfSlug("s-4vcpu-16gb-amd"), { cpus: 4, memoryMiB: 16384 });
    assert.deepEqual(sizeOfSlug("s-8vcpu-32gb-640gb-intel"), { cpus: 8, memoryMiB: 32768 });
    assert.deepEqual(sizeOfSlug("g-2vcpu-8gb-intel"), { cpus: 2, memoryMiB: 8192 });
    assert.deepEqual(sizeOfSlug("so1_5-4vcpu-32gb"), { cpus: 4, memoryMiB: 32768 });
  });

  it("is not guessed from a name that does not tell it", () => {
    for (const slug of ["c-4", "4gb", "512mb", "s-1vcpu-512mb-10gb", "custom"]) {
      assert.equal(sizeOfSlug(slug), undefined, slug);
    }
  });
});
