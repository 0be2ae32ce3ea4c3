import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { stringify } from "yaml";

import type { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";

const root = path.join(__dirname, "..", "..");

/** Names of the two. */
export const teamStackNames = ["staging", "prod"] as const;

/** Types `npm run init` with these answers. */
export function fill(stack: TestStack, answers: object): void {
  stack.write("answers.yaml", stringify(answers));
  const args = ["--import", "tsx", "init/init.ts", "--answers", "answers.yaml", "--yes"];
  execFileSync(process.execPath, args, { cwd: stack.project, stdio: "pipe" });
}

/** The stacks of a new team in one project: the committed files, filled in for hosts and a registry `acme`. */
export async function teamStacks(running: RunningServers, privateKey: string): Promise<TestStack> {
  await running.createRegistry("acme");
  const stack = new TestStack(running.servers);
  stack.setVariable("VPS_SSH_PRIVATE_KEY", privateKey);
  for (const name of ["Pulumi.staging.yaml", "Pulumi.prod.yaml", "init", "retention"]) {
    fs.cpSync(path.join(root, name), path.join(stack.project, name), { recursive: true });
  }
  fill(stack, {
    registry: "digitalocean",
    registryHost: running.servers.registryAddress,
    repository: "acme/odoo",
    target: "vps",
    domain: "erp.acme.io",
    stagingDomain: "staging.acme.io",
    email: "it@acme.io",
    region: "fra1",
    size: "s-4vcpu-8gb",
    stagingSize: "s-2vcpu-4gb",
    from: ["198.51.100.7/32"],
  });
  for (const name of teamStackNames) {
    const { status, output } = await stack.pulumi("stack", "init", name, "--non-interactive");
    if (status !== 0) throw new Error(output);
  }
  return stack;
}

/** Writes settings into the file of one of them, as somebody types them. */
export async function setInFile(
  stack: TestStack,
  name: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const values = Object.entries(settings).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
  const { status, output } = await stack.pulumi("config", "set-all", "--stack", name, ...values);
  if (status !== 0) throw new Error(output);
}
