import * as fs from "node:fs";
import * as path from "node:path";

import { parse } from "yaml";

import { type Declared, Hidden } from "../../policy/declared";

const golden = path.join(__dirname, "..", "golden");
/** What the SDK marks a secret with. */
const mark = "4dabf18193072939515e22adb298388d";

interface Dumped {
  readonly type: string;
  readonly name: string;
  readonly inputs: unknown;
  readonly options: { readonly protect?: boolean };
}

/** Resources of a golden dump, as the policy pack is told of them. */
export function goldenResources(stack: string): Declared[] {
  const text = fs.readFileSync(path.join(golden, `${stack}.yaml`), "utf8");
  const { resources } = parse(text.replaceAll("sha256:<digest>", `sha256:${"d".repeat(64)}`)) as {
    resources: Dumped[];
  };
  return resources.map(({ type, name, inputs, options }) => ({
    type,
    name,
    props: hidden(inputs) as Declared["props"],
    opts: options,
  }));
}

/** The command that deploys to a VPS, with the Compose files of the golden dump in its standard input. */
export function goldenDeployment(change: (file: string, text: string) => string = (_, text) => text): Declared {
  const files = Object.fromEntries(
    ["docker-compose.prod.yml", "docker-compose.release.yml"].map((file) => [
      file,
      change(file, fs.readFileSync(path.join(golden, "vps", file), "utf8")),
    ]),
  );
  const stdin = new Hidden(JSON.stringify({ stack: "odoo/prod", request: { files } }));
  return { type: "command:local:Command", name: "vps-odoo-release", props: { stdin }, opts: {} };
}

function hidden(value: unknown, key = ""): unknown {
  if (typeof value !== "object" || value === null) {
    // The dump has this in the place of what is secret as a whole.
    return key === "stdin" && value === "[secret]" ? new Hidden(value) : value;
  }
  if (mark in value) {
    return new Hidden((value as { value?: unknown }).value);
  }
  return Array.isArray(value)
    ? value.map((one) => hidden(one))
    : Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hidden(inner, name)]));
}
