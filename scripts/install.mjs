// Installs the locked npm packages, those of the sandbox and of all tests too, when they are absent or older than the
// lock file, so that `npm start` and `npm test` work in a fresh clone. Plain Node: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// A script of the sandbox's own package begins in its folder.
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const stamp = "node_modules/.installed-lock";
const lock = createHash("sha256").update(readFileSync("package-lock.json")).digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  console.error("Installing npm packages from package-lock.json (under a minute) ...");
  // Only the package `node` needs its install script; that of ssh2 would look for a compiler, for parts that it can do
  // without.
  for (const args of [
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    ["rebuild", "node", "--loglevel=error"],
  ]) {
    const npm = spawnSync("npm", args, { stdio: ["ignore", "ignore", "inherit"], timeout: 600_000 });
    if (npm.status !== 0) {
      console.error(`TOOL_MISSING: \`npm ${args[0]}\` did not finish.`);
      console.error("  remedy:   read its message above; check the network, then run the command again");
      process.exit(1);
    }
  }
  writeFileSync(stamp, lock);
}
