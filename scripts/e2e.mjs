// The end-to-end tests: one file after the other, and where two parts of the sandbox do not meet, at the same time.
// --whole: all rows of what is otherwise sampled, which takes about half an hour more.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { clearInterval, setInterval } from "node:timers";

/**
 * Beginnings of the files' names. Lanes of a phase run beside each other, their files in order; all of one lane share a process, and what it has
 * set up. `atOnce` lanes run at a time: each of the others begins where one has ended, so that none need be as long as another.
 */
const phases = [
  // From nothing. Later files read what it leaves as soon as they are loaded.
  { atOnce: 1, lanes: [["1-"]] },
  // What it leaves, before anything changes that; then all requests to API and registry are counted.
  { atOnce: 1, lanes: [["4-a", "4-e", "2-"]] },
  // Its stack, and containers of single images; two nodes, an authority, a machine and a database that no stack knows. The longest first.
  { atOnce: 3, lanes: [["3-", "development", "edge", "image", "proxy"], ["4-d"], ["4-b"], ["acme"], ["4-vps"], ["4-c"]] },
  // A machine of its own; a cluster of its own; then, where there is room, the sandbox's own machine and cluster.
  { atOnce: 2, lanes: [["5-", "6-", "7-"], ["9-"], ["8-"]] },
  // Nothing any more.
  { atOnce: 1, lanes: [["z-"]] },
];

const progressMs = 60_000;
const directory = "test/e2e";
const all = readdirSync(directory)
  .filter((file) => file.endsWith(".test.ts"))
  .sort();
const files = (lane) => lane.flatMap((begin) => all.filter((file) => file.startsWith(begin))).map((file) => `${directory}/${file}`);

const begins = phases.flatMap(({ lanes }) => lanes.flat());
const lost = all.filter((file) => begins.filter((begin) => file.startsWith(begin)).length !== 1);
if (lost.length > 0) {
  console.error(`each file must be in exactly one lane; not so: ${lost.join(", ")}`);
  process.exit(1);
}

/** A lane that runs beside another one is printed whole when it ends; until then it says once a minute what it is at. */
function run(lane, beside) {
  const begun = Date.now();
  return new Promise((resolve) => {
    const args = ["--config", ".mocharc.e2e.json", ...files(lane)];
    const env = { ...process.env, E2E_WHOLE: process.argv.includes("--whole") ? "1" : "" };
    const child = spawn("node_modules/.bin/mocha", args, { stdio: ["ignore", beside ? "pipe" : "inherit", "inherit"], env });
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

for (const phase of phases) {
  if (!(await runPhase(phase))) process.exit(1);
}
