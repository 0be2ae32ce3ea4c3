import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import { withLogin } from "./docker";
import type { Gate, GateTools, Passed } from "./gate";
import { readFromLayers, storedImage } from "./layers";
import { bareEnvironment, run } from "./programs";
import { reportFile } from "./report/files";
import { writeWhole } from "./report/results";
import { inTemporaryFolder } from "./temporary";

export interface SbomOrder {
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
}

/** The two lists of an image, as files beside the report. lists.ts hands them on to what attaches them. */
export function sbomFiles(root: string, image: string): { readonly spdx: string; readonly cyclonedx: string } {
  return {
    spdx: reportFile(root, "sbom", image, "spdx.json"),
    cyclonedx: reportFile(root, "sbom", image, "cdx.json"),
  };
}

const limitMs = 20 * 60_000;

/**
 * Without a line for each file of the image or of a package, which no list of packages needs: SPDX is then 2 MB in the
 * place of 32.
 */
export const packagesAlone = {
  args: ["--select-catalogers", "-file"],
  env: { SYFT_RELATIONSHIPS_PACKAGE_FILE_OWNERSHIP: "false" },
};

/** What the image is made of. */
export const sbom: Gate<SbomOrder> = {
  title: "list of what the image is made of",
  budgetSeconds: 60,
  codes: {
    SCAN_INCOMPLETE: {
      when: "Syft cannot read the image, or finds no package in it",
      remedy: "do what the message says, then run the update again",
    },
    TOOL_MISSING: { when: "Syft is not installed", remedy: "npm run gates:tools" },
  },
  async run(order, tools) {
    const syft = await tools.find("syft");
    if (syft === undefined) return { facts: {}, warnings: [] };
    return inTemporaryFolder((folder) => listed(syft, order, tools, folder));
  },
};

async function listed(syft: string, order: SbomOrder, tools: GateTools, folder: string): Promise<Passed> {
  const [spdx, cyclonedx] = [path.join(folder, "spdx"), path.join(folder, "cyclonedx")];
  const outputs = ["--output", `spdx-json=${spdx}`, "--output", `cyclonedx-json=${cyclonedx}`];
  tools.say(`syft: ${order.image}`);
  // In a folder of its own, where no configuration of the project leaves anything out.
  const { status, tail } = await withLogin(order, (login) =>
    run(syft, ["scan", "--quiet", "--from", "registry", ...packagesAlone.args, ...outputs, order.image], {
      cwd: folder,
      env: bareEnvironment({ ...login, ...packagesAlone.env, SYFT_CHECK_FOR_APP_UPDATE: "false" }),
      limitMs,
    }),
  );
  if (status !== 0) throw unlisted(tail || `syft ended with ${String(status)}`);
  const list = JSON.parse(fs.readFileSync(cyclonedx, "utf8")) as CycloneDx;
  const packages = (list.components ?? []).filter(({ type }) => type === "library" || type === "application").length;
  if (packages === 0) throw unlisted("Syft found no package in the image");
  const modules = await bakedModules(order, tools, folder);
  const files = sbomFiles(tools.root, order.image);
  writeWhole(files.spdx, fs.readFileSync(spdx, "utf8"));
  writeWhole(files.cyclonedx, `${JSON.stringify(withModules(list, modules), null, 1)}\n`);
  return {
    facts: { packages, modules: Object.keys(modules).length, files: Object.values(files).map((f) => path.basename(f)) },
    warnings: [],
  };
}

/** Odoo modules by name, as the image's own record of its release has them. */
export type BakedModules = Readonly<Record<string, { readonly version: string; readonly hash: string }>>;

/** Where images/odoo/Dockerfile writes that record. */
const record = "opt/odoo/release.json";

async function bakedModules(order: SbomOrder, { cannotCheck }: GateTools, folder: string): Promise<BakedModules> {
  const text = await readFromLayers(await storedImage(order, folder), record, path.join(folder, "record"));
  if (text !== undefined) return (JSON.parse(text) as { modules: BakedModules }).modules;
  cannotCheck(
    new ShipError({
      code: "SCAN_INCOMPLETE",
      summary: "the list lacks the Odoo modules of the image",
      found: `no /${record} in a layer of ours`,
      expected: "an image that images/odoo/Dockerfile was built from",
      remedy: "undo the change of images/odoo/Dockerfile that left it out",
    }),
  );
  return {};
}

/** The part of CycloneDX that counts here. */
export interface CycloneDx {
  readonly components?: readonly { readonly type: string; readonly name: string; readonly version?: string }[];
}

/** Adds the baked modules, which Syft does not know as packages. Where the list had them from is said with each. */
export function withModules(list: CycloneDx, modules: BakedModules): CycloneDx {
  const components = Object.entries(modules).map(([name, { version, hash }]) => ({
    "bom-ref": `odoo-module:${name}@${version}`,
    type: "library",
    group: "odoo-module",
    name,
    version,
    properties: [
      { name: "odoo-ship:source", value: `/${record}` },
      { name: "odoo-ship:content-hash", value: hash },
    ],
  }));
  return { ...list, components: [...(list.components ?? []), ...components] };
}

function unlisted(found: string): ShipError {
  return new ShipError({
    code: "SCAN_INCOMPLETE",
    summary: "there is no list of what the image is made of",
    found: found.split("\n").slice(-3).join("\n"),
    expected: "that Syft reads the image in its registry, and finds its packages",
    remedy: "read the line above, then run the update again",
  });
}
