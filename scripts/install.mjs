// Installs the locked npm packages, those of the sandbox and of all tests too, when they are absent or older than the
// lock file, so that `npm start` and `npm test` work in a fresh clone. Plain Node: it runs before anything is
// installed.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";

// A script of the sandbox's own package begins in its folder.
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const stamp = "node_modules/.installed-lock";
const lock = createHash("sha256").update(readFileSync("package-lock.json")).digest("hex");
/** A slow network takes its time; one that brings nothing for so long hangs. */
const stuckMs = 10 * 60_000;
const tellMs = 30_000;

const remedies = [
  [/ENOSPC|no space left/i, "free some disk space (`df -h`), then run the command again"],
  [
    /SIGKILL|ENOMEM|out of memory/i,
    "it was killed, most often for want of memory: end what else needs some, then run the command again",
  ],
  [
    /CERT|certificate/i,
    "name the authority of your network's proxy in NODE_EXTRA_CA_CERTS, then run the command again",
  ],
  [
    /EINTEGRITY/,
    "what was downloaded is not what package-lock.json names: see what answers in the place of the registry",
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|network|nothing printed|E40|E50/,
    "check the network and `npm config get registry`, then run the command again",
  ],
];

/**
 * Runs npm, telling how much it has downloaded; rejects with its last lines. Interrupted, it is interrupted as well.
 */
function npm(args) {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", [...args, "--loglevel=http"], { stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    let downloads = 0;
    let reason;
    const stuck = setTimeout(() => {
      reason = `nothing printed for ${stuckMs / 60_000} minutes`;
      child.kill("SIGKILL");
    }, stuckMs);
    const teller = setInterval(() => console.error(`  ${downloads} downloads so far`), tellMs);
    child.stderr.setEncoding("utf8").on("data", (data) => {
      stuck.refresh();
      downloads += data.split("npm http fetch GET 200").length - 1;
      output = (output + data.replace(/^npm http .*\n/gm, "")).slice(-4000);
    });
    child.on("error", (error) => (reason = error.message));
    child.on("close", (code, signal) => {
      clearTimeout(stuck);
      clearInterval(teller);
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `${output.trim()}\n${reason ?? (signal === null ? `exit code ${code}` : `ended by ${signal}`)}`.trim(),
          ),
        );
    });
  });
}

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  console.error("Installing npm packages from package-lock.json (under a minute where the network is quick) ...");
  // Only the package `node` needs its install script; that of ssh2 would look for a compiler, for parts that it can do
  // without.
  for (const args of [
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    ["rebuild", "node"],
  ]) {
    try {
      await npm(args);
    } catch (error) {
      const remedy =
        remedies.find(([sign]) => sign.test(error.message))?.[1] ??
        "read its message above, then run the command again";
      console.error(
        `TOOL_MISSING: \`npm ${args[0]}\` did not finish.\n  found:    ${error.message}\n  remedy:   ${remedy}`,
      );
      process.exit(1);
    }
  }
  writeFileSync(stamp, lock);
}
