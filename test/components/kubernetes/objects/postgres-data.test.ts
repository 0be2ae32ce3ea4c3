import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { fitsData, fitsServer } from "../../../../components/kubernetes/objects/postgres-data";

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

describe("PostgreSQL in the cluster, before the server of an earlier image ends", () => {
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "postgres-server-"));
    fs.writeFileSync(path.join(folder, "password"), "of the superuser\n");
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /**
   * Runs the program of an image.
   * @param psql what the shell does for it
   */
  function looked(image: Image, psql: string) {
    const tries = path.join(folder, "tries");
    fs.rmSync(tries, { force: true });
    const programs = {
      ...Object.fromEntries(Object.entries(image).map(([name, says]) => [name, `echo '${String(says)}'`])),
      psql: `[ "$PGPASSWORD" = "of the superuser" ] || exit 3; echo x >> ${tries}; ${psql}`,
      sleep: ":",
    };
    for (const [name, text] of Object.entries(programs)) {
      fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const env = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
    const text = fitsServer("/var/lib/data", "odoo-db", path.join(folder, "password"));
    const { status, stdout, stderr } = spawnSync("sh", ["-c", text], { env, encoding: "utf8" });
    return { status, output: stdout + stderr, tries: fs.readFileSync(tries, "utf8").length / 2 };
  }

  it("lets an image go on that fits what the server tells, with a note of its text order or without", () => {
    for (const told of ["17 f 2.36", "17 f none", "17 t 2.36"]) {
      assert.deepEqual(looked(bookworm, `echo ${told}`), {
        status: 0,
        output: "PostgreSQL 17 fits the data\n",
        tries: 1,
      });
    }
  });

  it("refuses another major, unless a person has ordered the older data aside", () => {
    const { status, output } = looked(newer, "echo 17 f 2.36");
    assert.equal(status, 1);
    assert.match(output, /^POSTGRES_MISMATCH: .*\n {2}found: +data of PostgreSQL 17, an image of 18\n/);
    assert.match(output, /remedy: +PostgreSQL runs on, and nothing was changed: set the older image again .*doks\.md/);
    assert.equal(looked(newer, "echo 17 t 2.36").status, 0);
    assert.equal(looked(bookworm, "echo 18 t 2.36").status, 1, "newer data are not set aside for an older server");
  });

  it("refuses another text order", () => {
    const { status, output } = looked(trixie, "echo 17 f 2.36");
    assert.equal(status, 1);
    assert.match(output, /^POSTGRES_MISMATCH: .*\n {2}found: .*2\.36.*2\.41\n/);
    assert.equal(looked(trixie, "echo 17 f none").status, 0);
  });

  it("asks again while a server does not answer, not for long where there is none, and leaves it to the pod then", () => {
    const away = looked(newer, "echo connection refused >&2; exit 2");
    assert.deepEqual([away.status, away.tries], [0, 30]);
    assert.match(away.output, /its next pod looks by itself: connection refused/);
    for (const reason of [
      "Name or service not known",
      "No address associated with hostname",
      "Name does not resolve",
    ]) {
      assert.equal(looked(newer, `echo 'could not translate host name: ${reason}' >&2; exit 2`).tries, 3, reason);
    }
    const late = `[ "$(wc -l < ${path.join(folder, "tries")})" -ge 4 ] || exit 2; echo 17 f 2.36`;
    assert.deepEqual([looked(newer, late).status, looked(newer, late).tries], [1, 4]);
  });
});
