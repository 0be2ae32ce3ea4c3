import * as fs from "node:fs";
import * as path from "node:path";
import { ask, run, stuckMs } from "../process";
import { onPath, type Progress } from "./cache";

const minute = 60_000;

/** Whether packages can be had with apt on this machine (installing them also wants root). */
export function hasApt(): boolean {
  return onPath("apt-get") !== undefined && onPath("dpkg") !== undefined;
}

/** Whether packages can be installed by this process. */
export function canInstall(): boolean {
  return hasApt() && process.getuid?.() === 0;
}

/** Installs Debian packages, without questions and without what is only recommended. Needs root. */
export async function aptInstall(packages: readonly string[], progress: Progress): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // A dpkg that was killed half-way refuses everything until this has run; without one it does nothing.
  await ask("dpkg", ["--configure", "-a"], {
    what: "finishing an interrupted package installation",
    quietMs: stuckMs,
    env,
  });
  const install = () =>
    run("apt-get", ["-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends", ...packages], {
      what: `installing ${packages.join(", ")}`,
      quietMs: stuckMs,
      env,
    });
  progress(`installing ${packages.join(", ")}`);
  try {
    await install();
  } catch {
    // Most often the package lists are missing or old.
    await aptUpdate(progress);
    await install();
  }
}

/** Downloads Debian packages and unpacks them into `directory`: no service is installed or started, and no root is needed. */
export async function aptExtract(packages: readonly string[], directory: string, progress: Progress): Promise<void> {
  const download = () =>
    run("apt-get", ["download", ...packages], {
      what: `downloading ${packages.join(", ")}`,
      quietMs: stuckMs,
      cwd: directory,
    });
  progress(`downloading ${packages.join(", ")}`);
  try {
    await download();
  } catch (error) {
    if (!canInstall()) throw error;
    await aptUpdate(progress);
    await download();
  }
  for (const file of fs.readdirSync(directory).filter((name) => name.endsWith(".deb"))) {
    await run("dpkg", ["-x", file, "."], { what: `unpacking ${file}`, limitMs: minute, cwd: directory });
    fs.rmSync(path.join(directory, file));
  }
}

async function aptUpdate(progress: Progress): Promise<void> {
  progress("refreshing the package lists");
  await run("apt-get", ["-o", "DPkg::Lock::Timeout=120", "update"], {
    what: "refreshing the package lists",
    quietMs: stuckMs,
  });
}
