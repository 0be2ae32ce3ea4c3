// The end-to-end tests: one file after the other, and where two parts of the sandbox do not meet, at the same time.
// --whole: all rows of what is otherwise sampled, which takes about half an hour more.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { clearInterval, setInterval } from "node:timers";

/**
 * Beginnings of the files' names. Lanes of a phase run beside each other, their files in order. All of one lane share a process, and what it has
 * set up.
 */
const phases = [
  // From nothing. Later files read what it leaves as soon as they are loaded.
  [["1-"]],
  // What it leaves, before anything changes that; then all requests to API and registry are counted.
  [["4-a", "4-e", "2-"]],
  // Its stack and containers, and those of single images; a node, a database and a machine that no stack knows; another such node.
  [["3-", "acme", "development", "edge", "image", "proxy"], ["4-b", "4-c", "4-vps"], ["4-d"]],
  // A machine of its own, then the sandbox's own machine and cluster; a cluster of its own.
  [["5-", "6-", "7-", "8-"], ["9-"]],
  // Nothing any more.
  [["z-"]],
];

const progressMs = 60_000;
const directory = "test/e2e";
const all = readdirSync(directory)
  .filter((file) => file.endsWith(".test.ts"))
  .sort();
const files = (lane) => lane.flatMap((begin) => all.filter((file) => file.startsWith(begin))).map((file) => `${directory}/${file}`);

const lost = all.filter((file) => phases.flat(2).filter((begin) => file.startsWith(begin)).length !== 1);
if (lost.length > 0) {
  console.error(`each file must be in exactly one lane; not so: ${lost.join(", ")}`);
  process.exit(1);
}

/** A lane that runs beside another one is printed whole when it ends; until then it says once a minute what it is at. */
function run(lane, beside) {
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
      resolve(status === 0);
    });
  });
}

for (const phase of phases) {
  const passed = await Promise.all(phase.map((lane) => run(lane, phase.length > 1)));
  if (passed.includes(false)) process.exit(1);
}
