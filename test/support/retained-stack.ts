import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { StatefulStack } from "../../retention/stacks";
import { MadeUpStack } from "./made-up-stack";

/** A stack in memory with a state, which says what else it names. */
export class RetainedStack extends MadeUpStack implements StatefulStack {
  override readonly name: "prod";
  deployment: object = { resources: [] };

  constructor(name = "prod", settings: Readonly<Record<string, string>> = {}) {
    super();
    this.name = name as "prod";
    Object.assign(this.settings, settings);
  }

  state(): Promise<string> {
    return Promise.resolve(JSON.stringify({ version: 3, deployment: this.deployment }));
  }
}

/** A project's folder with files of stacks by their names, each with these settings; `remove` it. */
export function projectFolder(files: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "retention-"));
  fs.writeFileSync(path.join(root, "Pulumi.yaml"), "name: odoo\n");
  for (const [name, config] of Object.entries(files)) {
    fs.writeFileSync(path.join(root, `Pulumi.${name}.yaml`), JSON.stringify({ config }));
  }
  return root;
}
