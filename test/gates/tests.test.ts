import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { percentOf } from "../../gates/addons/coverage";
import { tests, type TestsOrder } from "../../gates/tests";
import { gateTools } from "../support/gate-tools";
import { Programs } from "../support/programs";
import { type Answers, baseDigest, given, passwords, trialDocker } from "../support/trial-docker";

describe("The gate of the addons' tests", () => {
  let programs: Programs;
  const order: TestsOrder = {
    stack: "odoo/none",
    image: `registry.example.com/team/odoo@sha256:${"a".repeat(64)}`,
    postgres: `docker.io/library/postgres@sha256:${"b".repeat(64)}`,
    extensions: [],
    context: "context",
    own: ["shop"],
    install: ["shop"],
    coverage: 75,
    exceptions: [],
  };
  const bandit = (report: unknown, status = 0) =>
    programs.recorded("bandit", `echo '${JSON.stringify(report)}'; exit ${status}`);
  const run = (changes: Partial<TestsOrder> = {}, strict = true) => {
    const tools = gateTools(programs.folder, { strict });
    return tests.run({ ...order, ...changes }, tools).then((passed) => ({ ...passed, untold: tools.untold }));
  };
  const docker = (answers: Answers = {}) => trialDocker(programs, answers);
  const answer = (changes: object) => ({
    tests: `echo noise; printf '%s\\n' '${JSON.stringify({
      ...{ status: 0, tests: 3, failed: [], skipped: [], lines: { shop: [9, 10] } },
      ...changes,
    })}'`,
  });

  beforeEach(() => {
    programs = new Programs();
    docker();
    bandit({ errors: [], results: [] });
    programs.recorded("pip-audit", `echo '{"dependencies": []}'`);
    const module = path.join(programs.folder, "coverage", "__init__.py");
    fs.mkdirSync(path.dirname(module));
    fs.writeFileSync(module, "");
    fs.mkdirSync(path.join(programs.folder, "context", "extra-addons", "shop"), { recursive: true });
    programs.add("coverage.sh", `echo "  coverage_module: ${module}"`);
  });
  afterEach(() => programs.remove());

  /** Finds coverage.py by another name, since a folder has that one. */
  const withCoverage = (changes: Partial<TestsOrder> = {}) => {
    const tools = gateTools(programs.folder, { strict: true });
    const find: typeof tools.find = (name) =>
      name === "coverage" ? Promise.resolve(path.join(programs.folder, "coverage.sh")) : tools.find(name);
    return tests.run({ ...order, ...changes }, { ...tools, find });
  };

  it("passes with how many tests there were, and what they reach", async () => {
    const { facts, warnings } = await withCoverage();
    assert.deepEqual(facts, { tests: 3, modules: ["shop: 9 of 10 lines"], coverage: 90 });
    assert.deepEqual(warnings, []);
  });

  it("runs what a team has written without a network, capabilities and a root that can be written", async () => {
    await withCoverage();
    const runs = programs.calls("docker").filter((call) => call.startsWith("run ") && call.includes(order.image));
    assert.ok(runs.some((call) => call.includes("python3 -B -c")));
    for (const call of runs) {
      assert.match(call, /--read-only .*--cap-drop=ALL .*no-new-privileges/);
      assert.match(call, /--network (none|container:odoo-gate-\w+) /);
      assert.doesNotMatch(call, /--volume|--mount|docker\.sock/);
    }
    const servers = programs.calls("docker").filter((call) => call.includes("initdb"));
    assert.ok(servers.length > 0);
    for (const call of servers) assert.match(call, /--network none --user postgres .*/);
  });

  it("gives Odoo's role a random password, which stands in no argument", async () => {
    await withCoverage();
    const [first = "", ...others] = passwords(programs);
    assert.match(first, /^[0-9a-f]{32}$/);
    const calls = programs.calls("docker").join("\n");
    for (const password of [first, ...others]) assert.ok(!calls.includes(password));
    assert.match(given(programs), new RegExp(`ALTER ROLE odoo PASSWORD '${first}'`));
    assert.match(given(programs), /LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE/);
  });

  it("makes a database with the base image alone, keeps it under a name when it is whole, and starts from there", async () => {
    docker({ image: `case "$*" in *odoo-ship-gates*) exit 1;; *) echo sha256:1;; esac` });
    await withCoverage();
    const calls = programs.calls("docker");
    const made = calls.findIndex((call) => call.includes("odoo shell"));
    const committed = calls.findIndex((call) => call.startsWith("commit "));
    const [name = ""] = /odoo-ship-gates:[0-9a-f]{40}/.exec(calls[committed] ?? "") ?? [];
    assert.ok(made > 0 && committed > made);
    assert.match(
      calls[made] ?? "",
      new RegExp(`docker.io/library/odoo@${baseDigest} -c odoo .*-i base --without-demo`),
    );
    const onDatabase = calls.slice(0, committed).filter((call) => call.includes("container:"));
    assert.ok(onDatabase.length === 1 && !onDatabase.join().includes(order.image));
    assert.match(calls[committed - 1] ?? "", /^stop /);
    assert.ok(calls.slice(committed).some((call) => call.includes("initdb") && call.includes(name)));
  });

  it("makes nothing that is kept already, and keeps the newest two", async () => {
    await withCoverage();
    assert.ok(!programs.calls("docker").some((call) => /^commit |odoo shell/.test(call)));
    docker({
      image: `case "$*" in *odoo-ship-gates*) exit 1;; *) echo sha256:1;; esac`,
      kept: "printf 'new\\nold\\nolder\\noldest\\n'",
    });
    await withCoverage();
    assert.ok(programs.calls("docker").includes("image rm older oldest "));
  });

  it("removes a kept database that does not start, so that the next run makes it", async () => {
    docker({ start: "echo 'exec format error' >&2; exit 126" });
    await assert.rejects(withCoverage(), /DATABASE_CONNECTION_ERROR[^]*exec format error/);
    assert.ok(programs.calls("docker").some((call) => call.startsWith("image rm odoo-ship-gates:")));
  });

  it("removes what a killed run of the same gate has left, and its own things at the end", async () => {
    docker({ leftovers: `case "$*" in *label=odoo-ship.gate=odoo/none/tests*) echo left;; *) echo other;; esac` });
    await withCoverage();
    const calls = programs.calls("docker");
    const removals = calls.flatMap((call, index) => (call === "rm --force --volumes left " ? [index] : []));
    const started = calls.findIndex((call) => call.includes("initdb"));
    assert.equal(removals.length, 2);
    assert.ok((removals[0] ?? 0) < started && (removals[1] ?? 0) > started);
    docker({ leftovers: "echo left", tests: "exit 1" });
    await assert.rejects(withCoverage());
    assert.match(programs.calls("docker").at(-1) ?? "", /^volume rm left/);
  });

  const refusals: readonly [string, object, RegExp][] = [
    [
      "a failed test, by its name",
      { failed: ["FAIL: TestShop.test_total\n1 != 2"] },
      /TEST_FAILURE[^]*1 test [^]*test_total/,
    ],
    [
      "tests that reach too little",
      { lines: { shop: [1, 10], till: [9, 10] } },
      /LOW_COVERAGE[^]*50 %[^]*shop: 1 of 10/,
    ],
    ["modules that do not install", { status: 1, tests: null }, /MODULE_LOAD_ERROR/],
    ["an Odoo that ends well and says nothing of tests", { tests: null }, /MODULE_LOAD_ERROR/],
    ["lines that could not be counted", { uncounted: "NoSource: shop" }, /LOW_COVERAGE[^]*NoSource/],
  ];
  for (const [what, changes, expected] of refusals) {
    it(`refuses ${what}`, async () => {
      docker(answer(changes));
      await assert.rejects(withCoverage(), expected);
    });
  }

  it("finds the answer also where a line of Odoo's log comes after it", async () => {
    docker({ tests: `${answer({}).tests}; sleep 0.1; echo "odoo.sql_db: Closed 2 connections" >&2` });
    assert.equal((await withCoverage()).facts["tests"], 3);
  });

  it("takes no word of an addon for the answer of the test runner", async () => {
    docker({ tests: `echo '{"status": 0}'; exit 1` });
    await assert.rejects(withCoverage(), /CONTAINER_START_FAILURE/);
    docker({ tests: `echo "ModuleNotFoundError: No module named 'stripe'"; exit 1` });
    await assert.rejects(withCoverage(), /IMPORT_ERROR[^]*stripe/);
  });

  it("counts lines and requires none at 0 percent", async () => {
    docker(answer({ lines: { shop: [0, 10] } }));
    assert.equal((await withCoverage({ coverage: 0 })).facts["coverage"], 0);
  });

  it("says what was skipped, has no test, or is installed by no setting", async () => {
    docker(answer({ tests: 0, skipped: ["TestTour.test_all : Chrome executable not found"] }));
    const { warnings, untold } = await run({ own: ["shop", "till"], install: ["shop"] }, false);
    assert.deepEqual(warnings, ["shop: there is no test"]);
    assert.ok(
      untold.some((text) => text.includes("Chrome executable not found")),
      untold.join("\n"),
    );
    const counted = await withCoverage({ own: ["shop", "till"] });
    assert.ok(counted.warnings.includes("not tested, since no setting installs them: till"));
  });

  describe("bandit", () => {
    const finding = (issue_severity: string) => ({
      filename: "context/extra-addons/shop/a.py",
      line_number: 3,
      test_id: "B602",
      issue_severity,
      issue_text: "shell is true",
    });

    it("stops a finding of high severity before a container is started, and tells of others", async () => {
      bandit({ errors: [], results: [finding("HIGH"), finding("MEDIUM")] }, 1);
      await assert.rejects(withCoverage(), /SECURITY_VULN[^]*shop\/a\.py:3: B602/);
      assert.deepEqual(programs.calls("docker"), []);
      bandit({ errors: [], results: [finding("MEDIUM")] }, 1);
      assert.match((await withCoverage()).warnings.join(), /B602/);
    });

    it("looks at what is baked, and at nothing else", async () => {
      await withCoverage({ own: ["shop", "gone"] });
      assert.match(programs.calls("bandit").join(), /--quiet context\/extra-addons\/shop$/);
    });

    for (const [what, plant] of [
      ["that breaks", () => programs.add("bandit", "echo 'Traceback' >&2; exit 1")],
      [
        "that cannot read a file",
        () => bandit({ errors: [{ filename: "a.py", reason: "syntax error" }], results: [] }),
      ],
    ] as const) {
      it(`${what} passes nothing on staging, and is told of elsewhere`, async () => {
        plant();
        await assert.rejects(withCoverage(), /SECURITY_VULN[^]*could not read/);
        assert.match((await run({}, false)).untold.join("\n"), /Traceback|syntax error/);
      });
    }
  });

  describe("pip-audit", () => {
    const audit = (dependencies: unknown) =>
      programs.recorded("pip-audit", `cat "$2" >> "$0.seen"; echo '${JSON.stringify({ dependencies })}'; exit 1`);
    const hole = (fix_versions: string[]) => [
      { name: "jinja", version: "1", vulns: [{ id: "PYSEC-1", fix_versions }] },
    ];
    beforeEach(() => docker({ pins: "printf 'jinja==1\\n--index-url=evil\\njinja==1\\n'" }));

    it("is asked for what pip has installed, by name and version alone", async () => {
      audit([]);
      await withCoverage();
      assert.equal(fs.readFileSync(path.join(programs.folder, "pip-audit.seen"), "utf8"), "jinja==1\n");
    });

    it("stops what a newer version mends, and tells of the rest", async () => {
      audit(hole(["2"]));
      await assert.rejects(withCoverage(), /SECURITY_VULN[^]*jinja 1: PYSEC-1, mended in 2/);
      audit(hole([]));
      assert.match((await withCoverage()).warnings.join(), /jinja 1: PYSEC-1, which no version mends/);
    });

    const excepted = (changes: object = {}) => ({
      exceptions: [
        { id: "CVE-2026-1", package: "jinja", reason: "no template is a user's", expires: "2999-01-01", ...changes },
      ],
    });

    it("lets what is excepted pass, by any of its names, and says why and until when", async () => {
      audit([
        { name: "jinja", version: "1", vulns: [{ id: "PYSEC-1", aliases: ["CVE-2026-1"], fix_versions: ["2"] }] },
      ]);
      for (const exceptions of [excepted(), excepted({ id: "PYSEC-1" })]) {
        const said = (await withCoverage(exceptions)).warnings.join();
        assert.match(said, /jinja 1: \S+, excepted until 2999-01-01: no template is a user's/);
      }
      for (const [other, words] of [
        [{ package: "jinja2" }, /SECURITY_VULN[^]*mended in 2$/m],
        [{ id: "CVE-2026-2" }, /SECURITY_VULN[^]*mended in 2$/m],
        [{ expires: "2026-01-31" }, /CVE-2026-1 in jinja has expired on 2026-01-31: no template/],
      ] as const) {
        await assert.rejects(withCoverage(excepted(other)), { message: words });
      }
    });

    it("that nobody answers fails on staging, and is told of elsewhere", async () => {
      programs.add("pip-audit", "echo 'Max retries exceeded' >&2; exit 1");
      await assert.rejects(withCoverage(), /NETWORK_FAILURE[^]*Max retries/);
      assert.match((await run({}, false)).untold.join("\n"), /Max retries/);
    });

    it("that skips a package says so", async () => {
      audit([{ name: "own", skip_reason: "not found on PyPI" }]);
      assert.match((await run({}, false)).untold.join("\n"), /own: not found on PyPI/);
    });
  });

  it("rounds down what is reached", () => {
    assert.equal(percentOf([[7499, 10_000]]), 74.9);
    assert.equal(percentOf([[0, 0]]), undefined);
  });
});
