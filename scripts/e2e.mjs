// The end-to-end tests: one file after the other, and where two parts of the sandbox do not meet, at the same time.
// --whole: all rows of what is otherwise sampled, which takes about half an hour more. No other option is known.
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { clearInterval, setInterval } from "node:timers";

import { readRuns, summary } from "./test-times.mjs";

const sandbox = (name) => `sandbox/test/e2e/${name}`;
/**
 * The phases, in order. Lanes of a phase run beside each other, their files one after the other; all of one lane share
 * a process, and what it has set up. A folder means its files in the order of their names. `atOnce` lanes run at a
 * time: each of the others begins where one has ended, so that none need be as long as another.
 */
const phases = [
  // Later files read what it leaves as soon as they are loaded.
  { atOnce: 1, lanes: [["from-nothing"]] },
  // What it leaves, before anything changes that; then all requests to API and registry are counted.
  { atOnce: 1, lanes: [["updates/1-host", "updates/2-cluster", "updates/3-updates"]] },
  // Its stack, and containers of single images; two nodes, an authority, a machine, a database and a registry that no
  // stack knows.
  // The longest first.
  {
    atOnce: 3,
    lanes: [
      // On a new machine the first one compiles for a quarter of an hour.
      [sandbox("gate-tools"), "image/scanners", "image/signed"],
      // Both push to the trials' repository, and look at its tags.
      ["updates/5-gates", "updates/4-interruptions"],
      // Not beside vps/update, which changes the tree that it builds.
      ["vps/9-oca"],
      [sandbox("kubernetes-plugin")],
      ["image/development", "image/edge", "image/release-marker", "image/options", "image/typed", "image/proxy"],
      [sandbox("kubernetes-node")],
      ["image/acme", "image/repositories", "image/addons"],
      [sandbox("vps-machine")],
      [sandbox("managed-database"), "cluster/managed-database"],
    ],
  },
  // A machine of its own; a cluster of its own; then, where there is room, the sandbox's own machine and cluster.
  {
    atOnce: 2,
    lanes: [
      [
        "vps/1-compromised",
        "vps/2-dump",
        "vps/3-hand-over",
        "vps/4-network",
        "vps/5-release",
        "vps/6-bad-releases",
        "vps/7-by-hand",
        "vps/7-typed",
        "vps/8-interruptions",
        "vps/9-signed",
      ],
      ["cluster/1-release", "cluster/2-typed", "cluster/3-interruptions", "cluster/4-brought"],
      ["vps/update"],
    ],
  },
  // Nothing any more.
  { atOnce: 1, lanes: [["end"]] },
];

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
const files = (lane) => lane.flatMap((name) => all.filter((file) => belongs(file, name)));

const named = phases.flatMap(({ lanes }) => lanes.flat());
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
function run(lane, beside) {
  const begun = Date.now();
  return new Promise((resolve) => {
    const args = [
      "--config",
      ".mocharc.e2e.json",
      "--reporter",
      "./scripts/test-times.mjs",
      "--reporter-option",
      `times=${times}`,
      ...files(lane),
    ];
    const env = { ...process.env, E2E_WHOLE: process.argv.includes("--whole") ? "1" : "" };
    const child = spawn("node_modules/.bin/mocha", args, {
      stdio: ["ignore", beside ? "pipe" : "inherit", "inherit"],
      env,
    });
    let output = "";
    let told = "";
    child.stdout?.setEncoding("utf8").on("data", (data) => (output += data));
    const timer = setInterval(() => {
      const now = output.trimEnd().split("\n").at(-1)?.trim() ?? "";
      if (beside && now !== told) console.log(`    [${lane.join(" ")}] ${now}`);
      told = now;
    }, progressMs);
    child.on("close", (status) => {
      clearInterval(timer);
      if (beside) process.stdout.write(output);
      console.log(`    [${lane.join(" ")}] ${status === 0 ? "ended" : "failed"} after ${duration(Date.now() - begun)}`);
      resolve(status === 0);
    });
  });
}

function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** Answers whether all lanes passed. After one that did not, those under way come to their end and no other begins. */
async function runPhase({ atOnce, lanes }) {
  const waiting = [...lanes];
  let passed = true;
  const place = async () => {
    while (passed && waiting.length > 0) {
      if (!(await run(waiting.shift(), atOnce > 1))) passed = false;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, place));
  return passed;
}

let passed = true;
for (const phase of phases) passed &&= await runPhase(phase);
console.log(summary(readRuns(times)));
rmSync(results, { recursive: true });
process.exit(passed ? 0 : 1);
