import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { sandboxEnvironment } from "../../../sandbox/environment";
import { run } from "../../../sandbox/process";
import type { ServersFile } from "../../../sandbox/servers";
import type { Files } from "../../fixtures/addons/module";
import { python } from "../python";
import { rclonePackage } from "../s3-server";
import { buildTree } from "../tree-image";
import { trialRepositories } from "./releases";

const fixtures = path.join(paths.root, "test", "fixtures");
const modulesOfTeams = path.join(fixtures, "brought");
const repository = `${trialRepositories}/brought-trial`;
const limitMs = 20 * 60_000;
const packages = fs.readFileSync(path.join(fixtures, "oca-packages.txt"), "utf8");

/** Modules of OCA's packages. */
export const ofOca = [...packages.matchAll(/^odoo-addon-(.*)==/gm)].map(([, name = ""]) => name.replaceAll("-", "_"));
/** Those that need neither accounts nor sales, which take most of an installation's time. */
export const light = ofOca.filter((name) => !/^(account_|contract$|mis_builder$|sale_)/.test(name));
/** What a team might have of its own: a policy, a login elsewhere, attachments elsewhere, jobs, a runner. */
export const own = fs.readdirSync(modulesOfTeams).sort();

/** Version in the database by module, of five packages of the list. */
export const now: Readonly<Record<string, string>> = {
  auditlog: "19.0.2.0.1",
  contract: "19.0.1.2.1",
  date_range: "19.0.1.0.1",
  queue_job: "19.0.2.4.0",
  web_responsive: "19.0.1.1.1",
};
/** The same five before. A package has one number more where the module was changed without a version of its own. */
const packagesBefore = new Map([
  ["auditlog", "19.0.2.0.0"],
  ["contract", "19.0.1.2.0.1"],
  ["date_range", "19.0.1.0.0.6"],
  ["queue_job", "19.0.2.3.1"],
  ["web_responsive", "19.0.1.1.0"],
]);

/** Module that somebody imports in Odoo. */
export const imported = "office_data";

/** An image with everything that somebody brings, in the registry. */
export interface BroughtRelease {
  /** `repository@sha256:…` */
  readonly image: string;
  /** Name of the same image in this machine's Docker. */
  readonly local: string;
  /** Content of each module of it, by which the marker names it. */
  readonly modules: Readonly<Record<string, { readonly version: string; readonly hash: string }>>;
}

/** Files of a release with the five in their older versions. */
export const older: Files = {
  "addons/requirements.txt": packages.replaceAll(/^odoo-addon-(.*)==.*$/gm, (line, name: string) => {
    const version = packagesBefore.get(name.replaceAll("-", "_"));
    return version === undefined ? line : `odoo-addon-${name}==${version}`;
  }),
};

/** Module that only the last release has, and nobody installs. */
export const added = "our_next";

/**
 * Files of a release with one more module, whose jobs have a menu with an icon: Odoo keeps that as an attachment. The
 * policy, which has no version, has other words.
 */
export const changed: Files = {
  "addons/strict_passwords/__manifest__.py": read("strict_passwords/__manifest__.py").replace("Strict", "Stricter"),
  [`addons/${added}/__init__.py`]: "",
  [`addons/${added}/__manifest__.py`]: '{"name": "Our next", "version": "1.0", "license": "LGPL-3"}',
  "addons/our_jobs/__manifest__.py": read("our_jobs/__manifest__.py")
    .replace("1.0.0", "1.1.0")
    .replace('"data": [', '"data": ["views/job.xml", '),
  "addons/our_jobs/views/job.xml": `<?xml version="1.0" encoding="utf-8"?>
<odoo>
  <record id="action" model="ir.actions.act_window">
    <field name="name">Our jobs</field>
    <field name="res_model">our.job</field>
  </record>
  <menuitem id="menu" name="Our jobs" action="action" web_icon="our_jobs,static/description/icon.png"/>
</odoo>
`,
  // A PNG of one pixel.
  "addons/our_jobs/static/description/icon.png": Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
};

/** Builds the working tree's image with all of it and a server of S3's protocol, and pushes it. */
export async function broughtRelease(servers: ServersFile, name: string, files: Files): Promise<BroughtRelease> {
  const modules = [...ofOca, ...own];
  const local = await buildTree(
    servers,
    name,
    { modules, pythonPackages: [rclonePackage] },
    { ...brought(), ...files },
  );
  const env = sandboxEnvironment(servers);
  const docker = async (...args: string[]) =>
    (await run("docker", args, { what: `docker ${args[0] ?? ""} of ${name}`, limitMs, env })).stdout;
  const tag = `${repository}:${name}-${process.pid}`;
  await docker("tag", local, tag);
  const pushed = await docker("push", tag).finally(() => docker("rmi", tag));
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1];
  if (digest === undefined) throw new Error(`docker push named no digest:\n${pushed}`);
  const inside = ["run", "--rm", "--network", "none", "--entrypoint", "python3", local, "-I", "/opt/odoo/modules.py"];
  const described = JSON.parse(await docker(...inside)) as Pick<BroughtRelease, "modules">;
  return { image: `${repository}@${digest}`, local, modules: described.modules };
}

/** A ZIP file with a module that somebody imports in Odoo; no image has it. */
export function importedModule(): Buffer {
  const zip = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "imported-")), "module.zip");
  try {
    execFileSync(python, ["-m", "zipfile", "-c", zip, path.join(fixtures, "imported", imported)]);
    return fs.readFileSync(zip);
  } finally {
    fs.rmSync(path.dirname(zip), { recursive: true });
  }
}

/** The list, and the modules in `test/fixtures/brought`. */
function brought(): Files {
  const files = fs
    .readdirSync(modulesOfTeams, { recursive: true, encoding: "utf8" })
    .filter((file) => fs.statSync(path.join(modulesOfTeams, file)).isFile());
  return {
    "addons/requirements.txt": packages,
    ...Object.fromEntries(files.map((file) => [`addons/${file}`, read(file)])),
  };
}

function read(file: string): string {
  return fs.readFileSync(path.join(modulesOfTeams, file), "utf8");
}
