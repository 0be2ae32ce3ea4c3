import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { scan, type ScanOrder } from "../../gates/scan";
import type { WatchedTools } from "../support/gate-tools";
import { paperBench } from "../support/paper-bench";
import { diffId, ours, type PaperRegistry, paperStack } from "../support/paper-registry";
import type { Programs } from "../support/programs";

const digest = `sha256:${"a".repeat(64)}`;
const hourMs = 3_600_000;

interface Hole {
  readonly id: string;
  readonly severity?: string;
  readonly fixed?: string;
  /** Number of its layer: 0 is the base's. */
  readonly layer?: number;
}

describe("The gate of known vulnerabilities", () => {
  let registry: PaperRegistry;
  let programs: Programs;
  let tools: WatchedTools;
  const bench = paperBench();
  let order: ScanOrder;
  const cache = process.env["XDG_CACHE_HOME"];
  const at = (...names: string[]) => path.join(programs.folder, ...names);

  beforeEach(() => {
    ({ registry, programs, tools } = bench());
    process.env["XDG_CACHE_HOME"] = at("cache");
    order = {
      stack: paperStack,
      image: `registry.example.com/team/odoo@${digest}`,
      base: {
        // Nothing listens there.
        ...{ reference: "127.0.0.1:9/odoo", tag: "18.0", digest, date: "2026-01-01" },
        ...{ series: "18.0", uid: 100, gid: 101 },
      },
      unfixed: "report",
      exceptions: [],
      databaseFrom: "database",
      databaseDays: 2,
    };
    database(1);
    trivy([]);
  });
  afterEach(() => {
    if (cache === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = cache;
  });

  function database(hours: number, folder = at("database")): void {
    fs.mkdirSync(path.join(folder, "db"), { recursive: true });
    fs.writeFileSync(path.join(folder, "db", "trivy.db"), "");
    const updated = new Date(Date.now() - hours * hourMs).toISOString();
    fs.writeFileSync(path.join(folder, "db", "metadata.json"), JSON.stringify({ UpdatedAt: updated }));
  }

  /** A Trivy that finds these; it keeps what it was started with. */
  function trivy(
    holes: readonly Hole[],
    { os = { Family: "debian", Name: "13" } as object, scanning = "" } = {},
  ): void {
    const report = {
      Metadata: {
        OS: os,
        ImageConfig: {
          rootfs: { diff_ids: [diffId(0), diffId(1)] },
          history: [{ created_by: "base" }, { created_by: ours, empty_layer: true }, { created_by: "RUN pip" }],
        },
      },
      Results: [
        {
          Class: "os-pkgs",
          Vulnerabilities: holes.map(({ id, severity = "HIGH", fixed = "2.0", layer = 1 }) => ({
            ...{ VulnerabilityID: id, PkgName: "planted", InstalledVersion: "1.0", FixedVersion: fixed },
            ...{ Severity: severity, Title: "A hole", Layer: { DiffID: diffId(layer) } },
          })),
        },
      ],
    };
    fs.writeFileSync(at("report.json"), JSON.stringify(report));
    programs.recorded(
      "trivy",
      `env > "$0.env"; pwd > "$0.pwd"; cat "$DOCKER_CONFIG/config.json" > "$0.login"
      target=; previous=; for one; do [ "$previous" = --output ] && target=$one; previous=$one; done
      case "$*" in
        *--download-db-only*) echo "no route to host" >&2; exit 1;;
        convert*) for one; do [ -f "$one" ] && [ "$one" != "$target" ] && cp "$one" "$target"; done; exit 0;;
      esac
      ${scanning}
      cp ${at("report.json")} "$target"`,
    );
  }

  const sarif = () => fs.readFileSync(at(".build", "report", `scan-${"a".repeat(12)}.sarif`), "utf8");

  it("passes with the age of its database, and leaves Trivy's report and SARIF", async () => {
    trivy([{ id: "CVE-2099-1", severity: "MEDIUM" }]);
    const { facts, warnings } = await scan.run(order, tools);
    assert.deepEqual([facts["high"], facts["critical"], facts["databaseHours"]], [0, 0, 1]);
    assert.deepEqual([warnings, tools.untold], [[], []]);
    assert.match(sarif(), /CVE-2099-1/);
    assert.ok(fs.existsSync(at(".build", "report", `scan-${"a".repeat(12)}.json`)));
    assert.deepEqual(registry.left(), []);
  });

  it("runs Trivy without the network for its database, without the project's files, and without any secret", async () => {
    process.env["PLANTED_TOKEN"] = "planted-token";
    process.env["TRIVY_IGNOREFILE"] = "planted-file";
    try {
      await scan.run(order, tools);
    } finally {
      delete process.env["PLANTED_TOKEN"];
      delete process.env["TRIVY_IGNOREFILE"];
    }
    assert.doesNotMatch(fs.readFileSync(at("trivy.env"), "utf8"), /planted/);
    assert.notEqual(fs.readFileSync(at("trivy.pwd"), "utf8").trim(), programs.folder);
    const [first = ""] = programs.calls("trivy");
    assert.match(first, /^image --skip-db-update --skip-java-db-update --offline-scan .*--image-src remote /);
    // The login reaches it by a file, and nothing else.
    assert.match(fs.readFileSync(at("trivy.login"), "utf8"), /"registry\.example\.com":\{"auth":/);
    assert.doesNotMatch(programs.calls("trivy").join("\n"), /planted-password|push/);
  });

  const stops: [what: string, holes: Hole[], expected: RegExp][] = [
    ["a HIGH one", [{ id: "CVE-1" }], /SECURITY_HIGH[^]*HIGH CVE-1 in planted 1\.0, fixed in 2\.0: A hole/],
    [
      "a CRITICAL one, and names it first",
      [{ id: "CVE-1" }, { id: "CVE-2", severity: "CRITICAL" }],
      /SECURITY_CRITICAL[^]*CRITICAL CVE-2[^]*HIGH CVE-1/,
    ],
    [
      "such ones of the base alone",
      [{ id: "CVE-1", severity: "CRITICAL", layer: 0 }],
      /OUTDATED_BASE_IMAGE[^]*CVE-1[^]*\(base image\)[^]*127\.0\.0\.1:9\/odoo:18\.0/,
    ],
    ["those of base and addons by what is ours to mend", [{ id: "CVE-1", layer: 0 }, { id: "CVE-2" }], /SECURITY_HIGH/],
  ];
  for (const [what, holes, expected] of stops) {
    it(`stops ${what}`, async () => {
      trivy(holes);
      await assert.rejects(scan.run(order, tools), (error: Error & { facts?: Record<string, unknown> }) => {
        assert.match(String(error), expected);
        const found = Number(error.facts?.["high"]) + Number(error.facts?.["critical"]);
        return found === holes.length;
      });
      assert.match(sarif(), /CVE-1/);
    });
  }

  it("reports what has no fix, or stops it if the stack says so", async () => {
    trivy([{ id: "CVE-1", fixed: "" }]);
    assert.match(
      (await scan.run(order, tools)).warnings.join(),
      /1 HIGH or CRITICAL without a fix yet: CVE-1 in planted/,
    );
    await assert.rejects(scan.run({ ...order, unfixed: "fail" }, tools), /SECURITY_HIGH[^]*no fix yet/);
  });

  it("lets an exception pass, tells its reason, and stops when it has expired", async () => {
    trivy([{ id: "CVE-1" }]);
    const exception = { id: "CVE-1", package: "planted", reason: "nothing calls it", expires: "2999-01-01" };
    const { facts } = await scan.run({ ...order, exceptions: [exception] }, tools);
    assert.deepEqual(facts["excepted"], ["CVE-1 planted until 2999-01-01: nothing calls it"]);
    assert.deepEqual(facts["findings"], ["CVE-1 planted"]);
    assert.doesNotMatch(sarif(), /CVE-1/);
    const expired = { ...exception, expires: "2026-01-01" };
    await assert.rejects(
      scan.run({ ...order, exceptions: [expired] }, tools),
      /SECURITY_HIGH[^]*CVE-1 in planted has expired on 2026-01-01: nothing calls it/,
    );
    const other = { ...exception, id: "CVE-2" };
    trivy([]);
    const { warnings } = await scan.run({ ...order, exceptions: [other] }, tools);
    assert.match(warnings.join(), /no exception for CVE-2 in planted any more/);
  });

  it("refuses a database that is too old, and says how old it is", async () => {
    database(49);
    await assert.rejects(scan.run(order, tools), /SCAN_INCOMPLETE[^]*49 h old[^]*at most 2 days/);
    assert.deepEqual(programs.calls("trivy"), []);
    assert.deepEqual((await scan.run({ ...order, databaseDays: 3 }, tools)).facts["databaseHours"], 49);
  });

  it("says that nothing was checked without a database, and without one that can be renewed", async () => {
    fs.rmSync(at("database"), { recursive: true });
    assert.deepEqual((await scan.run(order, tools)).facts, {});
    assert.match(tools.untold.join(), /database: no .*metadata\.json/);
    tools.untold.length = 0;
    assert.deepEqual((await scan.run({ ...order, databaseFrom: "" }, tools)).facts, {});
    assert.match(tools.untold.join(), /Trivy's own: no route to host/);
    database(49, at("cache", "odoo-ship", "trivy", "own"));
    tools.untold.length = 0;
    assert.deepEqual((await scan.run({ ...order, databaseFrom: "" }, tools)).facts, {});
    assert.match(tools.untold.join(), /49 h old; it could not be renewed: no route to host/);
  });

  it("goes on with one of today that could not be renewed, and warns", async () => {
    database(3, at("cache", "odoo-ship", "trivy", "own"));
    const { warnings } = await scan.run({ ...order, databaseFrom: "" }, tools);
    assert.match(warnings.join(), /could not be renewed; it is 3 h old: no route to host/);
  });

  it("asks a mirror for the database by its name", async () => {
    await scan.run({ ...order, databaseFrom: "oci://mirror.example.com/db:2" }, tools);
    assert.match(programs.calls("trivy").join(), /--download-db-only .*--db-repository mirror\.example\.com\/db:2/);
  });

  it("does not take a Trivy that broke, or that knows no packages, for one without findings", async () => {
    trivy([], { scanning: "echo 'unexpected end of file' >&2; exit 1" });
    await assert.rejects(scan.run(order, tools), /SCAN_INCOMPLETE[^]*unexpected end of file/);
    trivy([], { scanning: "echo 'GET https://r: UNAUTHORIZED' >&2; exit 1" });
    await assert.rejects(scan.run(order, tools), /REGISTRY_AUTH_FAILURE/);
    trivy([], { os: {} });
    await scan.run(order, tools);
    assert.match(tools.untold.join(), /does not know the distribution/);
  });

  it("scans without the memory of earlier scans while another scan holds that", async () => {
    const scanning = `case "$*" in *memory*) ;; *) echo "cache may be in use by another process" >&2; exit 1;; esac`;
    trivy([{ id: "CVE-1", severity: "LOW" }], { scanning });
    assert.equal((await scan.run(order, tools)).facts["high"], 0);
  });

  it("warns of a distribution that gets no updates any more", async () => {
    trivy([], { os: { Family: "debian", Name: "10", EOSL: true } });
    assert.match((await scan.run(order, tools)).warnings.join(), /debian 10 gets no security updates any more/);
  });
});
