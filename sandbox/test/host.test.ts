import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parseFault } from "../faults";
import { exportLines } from "../environment";
import { withLock } from "../lock";
import { alive, identify } from "../orphans";
import { ask, CommandError, endAll, type Output, run, sleep, until } from "../process";
import { duration, runSteps, timesTable } from "../progress";
import { resourceProgress } from "../stack";
import { beforeUpdate, clusterStep, hostSteps } from "../steps";
import { updateSteps } from "../update-steps";

const limitMs = 300_000;

describe("A command that the sandbox runs", () => {
  it("gives its output, gets its input, and tells each line as it comes", async () => {
    const lines: string[] = [];
    const output = await run("sh", ["-c", "cat; echo problem >&2"], {
      what: "echoing",
      limitMs,
      input: "one\ntwo\n",
      onLine: (line) => lines.push(line),
    });
    assert.equal(output.stdout, "one\ntwo\n");
    assert.equal(output.stderr, "problem\n");
    assert.deepEqual(lines.sort(), ["one", "problem", "two"]);
  });

  it("that fails names what was done, the exit code and the last lines", async () => {
    await assert.rejects(
      run("sh", ["-c", "echo no such thing; exit 3"], { what: "looking", limitMs }),
      (error: unknown) => {
        assert.ok(error instanceof CommandError);
        assert.equal(error.exitCode, 3);
        assert.equal(error.message, "looking: exit code 3\nno such thing");
        return true;
      },
    );
    assert.equal(await ask("sh", ["-c", "exit 1"], { what: "asking", limitMs }), undefined);
    assert.equal(await ask("no-such-command", [], { what: "asking", limitMs }), undefined);
  });

  it("that takes too long is ended with all its children", async () => {
    const file = path.join(temporary(), "pid");
    const script = `sleep 3600 & echo $! > ${file}.new; mv ${file}.new ${file}; wait`;
    // Until it was quick enough to begin within its time.
    for (let shortMs = 300; !fs.existsSync(file); shortMs *= 2) {
      await assert.rejects(
        run("sh", ["-c", script], { what: "sleeping", limitMs: shortMs, graceMs: 200 }),
        /sleeping: not done after \d+ s/,
      );
    }
    const pid = Number(fs.readFileSync(file, "utf8"));
    assert.ok(await until(() => identify(pid) === undefined, limitMs), `the grandchild ${pid} lives on`);
  });

  it("that works may take its time, and is ended when it has been quiet for too long", async () => {
    let worked: Output | undefined;
    // Longer than its limit in all, never quiet for half of it: until the machine was quick enough to run it like that.
    for (let quietMs = 1000; worked === undefined && quietMs < 60_000; quietMs *= 2) {
      const script = `for i in 1 2 3 4 5; do echo $i; sleep ${quietMs / 2500}; done`;
      worked = await ask("sh", ["-c", script], { what: "working", quietMs, graceMs: 100 });
    }
    assert.equal(worked?.stdout, "1\n2\n3\n4\n5\n");
    for (let quietMs = 300, begun = false; !begun; quietMs *= 2) {
      const onLine = () => (begun = true);
      await assert.rejects(
        run("sh", ["-c", "echo begun; sleep 3600"], { what: "hanging", quietMs, graceMs: 100, onLine }),
        ({ message }: Error) => {
          assert.equal(
            message,
            `hanging: nothing printed for ${Math.round(quietMs / 1000)} s${begun ? "\nbegun" : ""}`,
          );
          return true;
        },
      );
    }
  });

  it("gets an interrupt and time to clean up when the run is ended", async () => {
    const file = path.join(temporary(), "cleaned");
    const script = `trap 'touch ${file}; exit 1' INT; echo ready; while :; do sleep 0.05; done`;
    let ready = false;
    const ending = assert.rejects(
      run("sh", ["-c", script], { what: "working", limitMs, graceMs: limitMs, onLine: () => (ready = true) }),
    );
    assert.ok(await until(() => ready, limitMs));
    await endAll();
    await ending;
    assert.ok(fs.existsSync(file));
  });
});

describe("A lock of the sandbox", () => {
  it("lets one in at a time", async () => {
    const file = path.join(temporary(), "lock");
    let inside = 0;
    const body = async (): Promise<void> => {
      inside += 1;
      assert.equal(inside, 1);
      await sleep(50);
      inside -= 1;
    };
    const locked = (): Promise<void> => withLock(file, limitMs, () => undefined, body);
    await Promise.all([locked(), locked(), locked()]);
    assert.ok(!fs.existsSync(file));
  });

  it("is taken over from a dead process, and waited for when its holder lives", async () => {
    const file = path.join(temporary(), "lock");
    fs.writeFileSync(file, JSON.stringify({ pid: process.pid, started: "another life" }));
    await withLock(
      file,
      limitMs,
      () => undefined,
      () => Promise.resolve(),
    );

    const holder = spawn("sleep", ["3600"]);
    try {
      fs.writeFileSync(file, JSON.stringify(identify(holder.pid ?? 0)));
      const waitedFor: number[] = [];
      await assert.rejects(
        withLock(
          file,
          300,
          (pid) => waitedFor.push(pid),
          () => Promise.resolve(),
        ),
        { code: "SANDBOX_BUSY" },
      );
      assert.equal(waitedFor[0], holder.pid);
    } finally {
      holder.kill("SIGKILL");
    }
  });

  it("knows a process from a later one with the same number", () => {
    const self = identify(process.pid);
    assert.ok(self !== undefined && alive(self));
    assert.ok(!alive({ ...self, started: "1" }));
  });
});

describe("The progress of a run", () => {
  const step = (title: string, body: () => Promise<void>, after?: string[]) => ({
    title,
    work: 60,
    ...(after === undefined ? {} : { after }),
    run: async (say: (text: string) => void) => (say("at it"), say("at it"), body()),
  });
  const done = () => Promise.resolve();

  it("numbers the steps, begins each after those that it names, and prints a word once", async () => {
    const lines: string[] = [];
    let meet: () => void = () => undefined;
    const met = new Promise<void>((resolve) => (meet = resolve));
    const steps = [
      step("first", done),
      step("left", () => met, ["first"]),
      step("right", () => Promise.resolve(meet()), ["first"]),
      step("last", done, ["left", "right"]),
    ];
    const timings = await runSteps(steps, (line) => lines.push(line.replace(/^ *\d+:\d\d /, "")));
    assert.deepEqual(
      timings.map(({ title }) => title),
      ["first", "left", "right", "last"],
    );
    assert.deepEqual(lines.slice(0, 3), ["[1/4] first", "[1/4] first: at it", "[1/4] first: done in 0 s"]);
    assert.ok(lines.indexOf("[4/4] last") > lines.indexOf("[2/4] left: done in 0 s"));
  });

  it("ends with the failure of a step, when what runs beside it has ended, and starts none after it", async () => {
    const ended: string[] = [];
    const lines: string[] = [];
    const failing = step("bad", () => Promise.reject(new Error("BROKEN: it is\nwith a remedy")), []);
    const beside = step("beside", () => sleep(50).then(() => void ended.push("beside")), []);
    const never = step("never", () => Promise.resolve(void ended.push("never")));
    await assert.rejects(
      runSteps([failing, beside, never], (line) => lines.push(line)),
      /with a remedy/,
    );
    assert.deepEqual(ended, ["beside"]);
    // Why is told at once, and what the end is waited for.
    const told = lines.findIndex((line) =>
      line.endsWith("bad: failed: BROKEN: it is (waiting for what is under way: beside)"),
    );
    assert.ok(told >= 0 && told < lines.findIndex((line) => /beside: done/.test(line)), lines.join("\n"));
  });

  it("writes durations and the table of times for people", () => {
    assert.deepEqual([0.4, 59, 75, 3600].map(duration), ["0 s", "59 s", "1 min 15 s", "60 min 00 s"]);
    assert.equal(
      timesTable([
        { title: "a", seconds: 1 },
        { title: "long", seconds: 61 },
      ]),
      "  a          1 s\n  long  1 min 01 s",
    );
  });

  it("compiles one thing after the other, and lets the update begin before what only the cluster needs", () => {
    const steps = hostSteps();
    const before = (title: string): readonly string[] => {
      const index = steps.findIndex((each) => each.title === title);
      const direct = steps[index]?.after ?? steps.slice(index - 1, index).map((each) => each.title);
      return [...direct, ...direct.flatMap(before)];
    };
    assert.ok(before("Proxy").includes("Pulumi engine and plugins"));
    assert.ok(before(clusterStep).includes("Proxy"));
    assert.ok(!beforeUpdate.some((title) => (title as string) === clusterStep || before(title).includes(clusterStep)));
  });

  describe("of an update", () => {
    const ordered = " +  digitalocean:index:Vpc doks-cluster-vpc created (0.07s) ";
    const released = " +  command:local:Command vps-odoo-release created (147s) 04:56:22 smoked";
    const upgraded = " +  kubernetes:batch/v1:Job doks-odoo-upgrade created (40s) ";

    /** What is printed, without times, of an update that prints these lines and then does as it is told. */
    async function told(
      printed: readonly string[],
      { built = false, end = () => Promise.resolve() }: { built?: boolean; end?: () => Promise<void> } = {},
    ): Promise<readonly string[]> {
      const lines: string[] = [];
      const steps = updateSteps({
        run: async (onLine) => {
          for (const line of printed) {
            onLine(line);
            // The other step begins, if it does.
            await sleep(1);
          }
          await end();
        },
        after: [],
        again: false,
        clusterBuilt: () => built,
        vpsAddress: () => "https://odoo.test",
      });
      const print = (line: string) => lines.push(line.replace(/^ *\d+:\d\d \[\d\/2\] /, ""));
      await runSteps(steps, print).catch(() => undefined);
      return lines;
    }

    it("say when the VPS serves, and that the cluster's parts are still being built", async () => {
      assert.deepEqual(await told([ordered, ordered, "@ updating......", released, released, upgraded]), [
        "pulumi up",
        "pulumi up: reading the program",
        "pulumi up: digitalocean:index:Vpc doks-cluster-vpc created",
        "pulumi up: command:local:Command vps-odoo-release created 04:56:22 smoked",
        "pulumi up: the VPS serves at https://odoo.test",
        "pulumi up: done in 0 s",
        "Cluster",
        "Cluster: its parts are being built",
        "Cluster: kubernetes:batch/v1:Job doks-odoo-upgrade created",
        "Cluster: done in 0 s",
      ]);
    });

    it("say nothing of parts that are there, nor of a VPS that was not released", async () => {
      assert.ok(!(await told([released], { built: true })).join().includes("being built"));
      assert.ok(!/serves|being built/.test((await told([ordered])).join()));
    });

    it("fail with the update, whichever of them it is at", async () => {
      const end = () => Promise.reject(new Error("BROKEN"));
      for (const [printed, title] of [
        [[ordered], "pulumi up"],
        [[released], "Cluster"],
      ] as const) {
        const lines = await told(printed, { end });
        assert.equal(lines.at(-1), `${title}: failed: BROKEN`);
      }
    });
  });

  it("takes from Pulumi's lines what happens to resources, and nothing else", () => {
    assert.equal(
      resourceProgress(" +  docker:index:Image odoo creating (3s) [runtime 2/7] COPY x"),
      "docker:index:Image odoo creating [runtime 2/7]",
    );
    assert.equal(resourceProgress(" +  docker:index:Image odoo created (12s) "), "docker:index:Image odoo created");
    assert.equal(resourceProgress("@ updating......"), undefined);
    assert.equal(resourceProgress("Diagnostics:"), undefined);
  });
});

describe("What the sandbox prints for a shell", () => {
  it("survives eval, whatever the values hold", () => {
    const value = `it's "quoted" $HOME \`id\` \\ and\nmore`;
    const script = `${exportLines({ SOME_VALUE: value })}\nprintf %s "$SOME_VALUE"`;
    assert.equal(execFileSync("sh", ["-c", script], { encoding: "utf8" }), value);
  });
});

describe("An ordered fault", () => {
  it("is read from the command line", () => {
    assert.deepEqual(parseFault(["api-429", "--times", "2", "--path", "/v2/reg", "--seconds", "1.5"]), {
      what: "api-429",
      times: 2,
      path: "/v2/reg",
      seconds: 1.5,
    });
  });

  for (const args of [
    [],
    ["api-404"],
    ["api-429", "--times", "0"],
    ["api-429", "--often", "2"],
    ["api-429", "--times"],
  ]) {
    it(`is refused when it cannot be meant: fault ${args.join(" ")}`, () => {
      assert.throws(() => parseFault(args), { code: "SETTINGS_INVALID" });
    });
  }
});

function temporary(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-host-"));
  after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}
