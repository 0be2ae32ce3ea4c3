import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../sandbox/config";

/** The machine of the sandbox's own stack: its droplet has this host name, whatever its number is. */
function machine(): string {
  const names = execFileSync("docker", ["ps", "--filter", "name=^odoo-sandbox-vps-", "--format", "{{.Names}}"], { encoding: "utf8" }).split("\n");
  const found = names.find(
    (name) => name !== "" && execFileSync("docker", ["exec", name, "hostname"], { encoding: "utf8" }).trim() === "odoo-sandbox",
  );
  if (found === undefined) {
    throw new Error(`the sandbox has no VPS that runs: ${names.join(" ")}`);
  }
  return found;
}

/** Runs a program as root on the sandbox's VPS; answers its standard output. */
export function onHost(...command: string[]): string {
  return execFileSync("docker", ["exec", machine(), ...command], { encoding: "utf8", timeout: 120_000, maxBuffer: 64 << 20 });
}

/** The administrator's first password. It is shown once, so it is kept beside the sandbox's other secrets. */
export function firstLogin(): { user: string; password: string } {
  const file = path.join(paths.state, "first-login");
  if (!fs.existsSync(file)) {
    fs.writeFileSync(file, onHost("odoo-ship", "first-login"), { mode: 0o600 });
  }
  const text = fs.readFileSync(file, "utf8");
  const of = (name: string) => new RegExp(`^${name}: (\\S+)$`, "m").exec(text)?.[1] ?? "";
  return { user: of("user"), password: of("password") };
}
