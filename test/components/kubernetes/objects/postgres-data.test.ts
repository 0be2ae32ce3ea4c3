import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { fitsData } from "../../../../components/kubernetes/objects/postgres-data";

/** An image, by what its programs say of themselves. */
interface Image {
  readonly postgres: string;
  readonly ldd: string;
}
const bookworm: Image = {
  postgres: "postgres (PostgreSQL) 17.6 (Debian 17.6-1.pgdg12+1)",
  ldd: "ldd (Debian GLIBC 2.36-9+deb12u10) 2.36",
};
const trixie: Image = { ...bookworm, ldd: "ldd (Debian GLIBC 2.41-12) 2.41" };
const newer: Image = { ...bookworm, postgres: "postgres (PostgreSQL) 18.0 (Debian 18.0-1.pgdg12+1)" };

describe("PostgreSQL in the cluster, before its server starts", () => {
  let volume: string;
  const data = (...names: string[]) => path.join(volume, "pgdata", ...names);

  beforeEach(() => {
    volume = fs.mkdtempSync(path.join(os.tmpdir(), "postgres-data-"));
  });
  afterEach(() => fs.rmSync(volume, { recursive: true }));

  function started(image: Image) {
    const programs = path.join(volume, "programs");
    fs.mkdirSync(programs, { recursive: true });
    for (const [name, says] of Object.entries(image) as [string, string][]) {
      // As musl does, what is no version goes to standard error.
      const to = says.startsWith("musl") ? " >&2; exit 1" : "";
      fs.writeFileSync(path.join(programs, name), `#!/bin/sh\necho '${says}'${to}\n`, { mode: 0o755 });
    }
    const env = { PATH: `${programs}:${process.env["PATH"] ?? ""}` };
    const { status, stdout, stderr } = spawnSync("sh", ["-c", fitsData(volume)], { env, encoding: "utf8" });
    return { status, output: stdout + stderr };
  }

  function initialised(major: string): void {
    fs.mkdirSync(data());
    fs.writeFileSync(data("PG_VERSION"), `${major}\n`);
  }

  it("goes on with an empty volume, with its own data, and with data that nobody has noted anything of", () => {
    assert.deepEqual(started(bookworm), { status: 0, output: "" });
    initialised("17");
    assert.deepEqual(started(bookworm), { status: 0, output: "" });
    fs.rmSync(path.join(volume, "text-order"));
    assert.deepEqual(started(trixie), { status: 0, output: "" });
    assert.equal(started(bookworm).status, 1);
  });

  for (const [name, image] of [
    ["another Debian's", trixie],
    ["no glibc", { ...bookworm, ldd: "musl libc (x86_64)" }],
  ] as const) {
    it(`refuses an image with ${name}, again and again, and takes the earlier one back`, () => {
      started(bookworm);
      initialised("17");
      for (let start = 0; start < 2; start++) {
        const { status, output } = started(image);
        assert.equal(status, 1);
        assert.match(output, /^POSTGRES_MISMATCH: .*\n {2}found: .*2\.36.*\n {2}expected: .*\n {2}remedy: .*doks\.md/);
      }
      assert.equal(started(bookworm).status, 0);
    });
  }

  it("refuses another major, and sets older data aside if a person has ordered that", () => {
    started(bookworm);
    initialised("17");
    const { status, output } = started(newer);
    assert.equal(status, 1);
    assert.match(output, /^POSTGRES_MISMATCH: .*\n {2}found: +data of PostgreSQL 17, an image of 18\n/);

    fs.writeFileSync(path.join(volume, "set-aside"), "");
    assert.equal(started(bookworm).status, 0, "the order is for another major");
    fs.writeFileSync(data("PG_VERSION"), "19\n");
    assert.equal(started(newer).status, 1, "newer data are not set aside for an older server");
    assert.ok(fs.existsSync(data("PG_VERSION")));
    fs.writeFileSync(data("PG_VERSION"), "17\n");
    assert.match(started(newer).output, /^the data of PostgreSQL 17 are in .*pgdata-17 now\n$/);
    assert.equal(fs.readFileSync(path.join(volume, "pgdata-17", "PG_VERSION"), "utf8"), "17\n");
    assert.ok(!fs.existsSync(data()) && !fs.existsSync(path.join(volume, "set-aside")));
    assert.deepEqual(started(newer), { status: 0, output: "" });
  });
});
