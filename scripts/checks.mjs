// Runs the checks that look at the sources alone, in two rows side by side: on two cores the slowest check takes as
// long as all the others together.
import { spawn } from "node:child_process";

const rows = [["lint:code"], ["lint:format", "typecheck", "docs -- --check", "test:repository"]];

/** Its output is printed whole when it ends. Answers whether it passed. */
function check(script) {
  return new Promise((resolve) => {
    const child = spawn("npm", ["run", "-s", ...script.split(" ")], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (data) => (output += data));
    }
    child.on("close", (status) => {
      process.stdout.write(output);
      if (status !== 0) console.error(`npm run ${script}: failed`);
      resolve(status === 0);
    });
  });
}

async function all(scripts) {
  const passed = [];
  for (const script of scripts) passed.push(await check(script));
  return !passed.includes(false);
}

const passed = await Promise.all(rows.map(all));
if (passed.includes(false)) process.exit(1);
