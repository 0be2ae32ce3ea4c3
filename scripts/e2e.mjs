// The end-to-end tests: one file after the other, and where two parts of the sandbox do not meet, at the same time.
// --whole: all rows of what is otherwise sampled, and all lanes. No other option is known.
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { clearInterval, setInterval } from "node:timers";

import { toBegin } from "./lanes.mjs";
import { readRuns, summary } from "./test-times.mjs";

const sandbox = (name) => `sandbox/test/e2e/${name}`;
/**
 * The lanes, the long ones first: what is left at the end should fill all places. The files of a lane run one after
 * the other, in one process, and share what that has set up. A folder means its files in the order of their names.
 * Lanes run beside each other:
 * lanes.mjs says which. What they share is
 *   tree           the checkout's addons, which are built into images
 *   stack          the sandbox's own stack, with its machine and cluster
 *   trial          the repository of images that stacks of tests build
 *   bucket         for attachments
 *   trial cluster  the cluster of tests, by its name
 * Those that are `whole` run with --whole alone.
 */
const lanes = [
  // Later files read what it leaves as soon as they are loaded.
  { files: ["from-nothing"], alone: true },
  // A machine of its own.
  {
    files: [
      "vps/0-occupied",
      "vps/1-compromised",
      "vps/2-dump",
      "vps/3-hand-over",
      "vps/4-network",
      "vps/5-release",
      "vps/6-bad-releases",
      "vps/7-by-hand",
      "vps/7-odd-hosts",
      "vps/7-typed",
      "vps/8-interruptions",
      "vps/9-signed",
    ],
    heavy: true,
  },
  // Much is waited for in it.
  { files: ["cluster/1-release", "cluster/3-interruptions"], changes: ["trial cluster"] },
  // What the first one leaves, before anything changes that; then the requests for the trial's repository are counted.
  {
    files: ["updates/1-host", "updates/2-cluster", "updates/3-updates", "updates/4-interruptions"],
    heavy: true,
    changes: ["stack", "trial"],
    uses: ["tree"],
  },
  // Small servers of its own, and containers by Docker for the steps of workflows, which nothing else knows.
  { files: ["operator/rollback"], heavy: true },
  { files: ["operator/preview-comments", "operator/runbook", "operator/workflow-steps"], heavy: true, whole: true },
  { files: ["operator/environments", "operator/lost-target"], heavy: true, whole: true },
  // On a new machine the tools of the gates are compiled for a quarter of an hour.
  { files: ["image/scanners", "image/signed"] },
  // Containers of single images.
  {
    files: ["image/development", "image/edge", "image/release-marker", "image/options", "image/proxy"],
    uses: ["tree"],
  },
  { files: ["image/acme", "image/repositories", "image/addons"], uses: ["tree"] },
  { files: ["vps/update"], heavy: true, changes: ["tree", "stack"] },
  // Its images have the tree's addons, too, and go nowhere: whatever is in those will do.
  { files: ["updates/5-gates", "updates/5-stolen-login", "updates/6-planted"], heavy: true, changes: ["trial"] },
  { files: ["vps/9-oca"], heavy: true, changes: ["bucket"], uses: ["tree"], whole: true },
  // Of both targets one is tried above, with the same worker and the same proofs of signatures.
  {
    files: ["cluster/2-dump", "cluster/2-signed", "cluster/2-typed"],
    heavy: true,
    changes: ["trial cluster"],
    whole: true,
  },
  { files: ["cluster/4-brought"], heavy: true, changes: ["trial cluster", "bucket"], uses: ["tree"], whole: true },
  { files: ["cluster/managed-database"], whole: true },
  { files: ["image/typed"], uses: ["tree"], whole: true },
  // The sandbox's own parts by themselves: the lanes above stand on each of them.
  { files: [sandbox("gate-tools")], whole: true },
  // Nodes, a machine, a database and a registry that no stack knows.
  { files: [sandbox("kubernetes-plugin")], whole: true },
  { files: [sandbox("kubernetes-node")], whole: true },
  { files: [sandbox("managed-database")], whole: true },
  { files: [sandbox("vps-machine")], whole: true },
  // Nothing any more.
  { files: ["end"], alone: true },
];

const whole = process.argv.includes("--whole");
const unknown = process.argv.slice(2).filter((argument) => argument !== "--whole");
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(" ")}; the one option is --whole, and a single file is run by mocha (CONTRIBUTING.md)`,
  );
  process.exit(1);
}

const progressMs = 60_000;
const all = globSync("{test,sandbox/test}/e2e/**/*.test.ts").sort();
const place = (name) => (name.startsWith("sandbox/") ? name : `test/e2e/${name}`);
const belongs = (file, name) => file === `${place(name)}.test.ts` || file.startsWith(`${place(name)}/`);
const filesOf = (lane) => lane.files.flatMap((name) => all.filter((file) => belongs(file, name)));
const nameOf = (lane) => lane.files.join(" ");

const named = lanes.flatMap(({ files }) => files);
const lost = all.filter((file) => named.filter((name) => belongs(file, name)).length !== 1);
if (lost.length > 0) {
  console.error(`each file must be in exactly one lane; not so: ${lost.join(", ")}`);
  process.exit(1);
}

/** Each lane adds the times of its files. */
const results = mkdtempSync(path.join(tmpdir(), "e2e-"));
const times = path.join(results, "times");
writeFileSync(times, "");

/**
 * A lane that runs beside another one is printed whole when it ends; until then it says once a minute what it is at.
 */
function run(lane) {
  const beside = lane.alone !== true;
  const begun = Date.now();
  return new Promise((resolve) => {
    const args = [
      "--config",
      ".mocharc.e2e.json",
      "--reporter",
      "./scripts/test-times.mjs",
      "--reporter-option",
      `times=${times}`,
      ...filesOf(lane),
    ];
    const env = { ...process.env, E2E_WHOLE: whole ? "1" : "" };
    const child = spawn("node_modules/.bin/mocha", args, {
      stdio: ["ignore", beside ? "pipe" : "inherit", "inherit"],
      env,
    });
    let output = "";
    let told = "";
    child.stdout?.setEncoding("utf8").on("data", (data) => (output += data));
    const timer = setInterval(() => {
      const now = output.trimEnd().split("\n").at(-1)?.trim() ?? "";
      if (beside && now !== told) console.log(`    [${nameOf(lane)}] ${now}`);
      told = now;
    }, progressMs);
    child.on("close", (status) => {
      clearInterval(timer);
      if (beside) process.stdout.write(output);
      console.log(`    [${nameOf(lane)}] ${status === 0 ? "ended" : "failed"} after ${duration(Date.now() - begun)}`);
      resolve(status === 0);
    });
  });
}

function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** Answers whether all lanes passed. After one that did not, those under way come to their end and no other begins. */
async function runAll() {
  const waiting = lanes.filter((lane) => whole || lane.whole !== true);
  const running = new Map();
  let passed = true;
  for (;;) {
    for (const lane of passed ? toBegin(waiting, [...running.keys()]) : []) {
      waiting.splice(waiting.indexOf(lane), 1);
      running.set(
        lane,
        run(lane).then((well) => {
          running.delete(lane);
          passed &&= well;
        }),
      );
    }
    if (running.size === 0) return passed && waiting.length === 0;
    await Promise.race(running.values());
  }
}

const passed = await runAll();
console.log(summary(readRuns(times)));
rmSync(results, { recursive: true });
process.exit(passed ? 0 : 1);
