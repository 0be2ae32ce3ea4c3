// Writes what is made of other files: docs/configuration.md, Dockerfile and .dockerignore of the root, the procedure of
// the gates with the tests of its codes, and the schema of their report. With --check it only says whether they are
// current (exit 1 if not).
import "../ops/configuration-reference.ts";

import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";

import { parse } from "yaml";

import { readBaseImage } from "../components/image/base-image.ts";
import { plainDockerfile, plainIgnore } from "../components/image/plain-build.ts";
import { readRepositories } from "../components/image/repositories.ts";
import { procedurePage } from "../gates/procedure-page.ts";
import { publishedSchema } from "../gates/report/schema.ts";
import { settingsKeys } from "../components/settings/table.ts";
import { codesPage, readTests } from "./codes-and-tests.ts";

const root = path.join(import.meta.dirname, "..");
const read = (file) => fs.readFileSync(path.join(root, file), "utf8");

/** A setting of the stack that builds, as the program reads it. */
const { config } = parse(read("Pulumi.staging.yaml"));
const setting = (name) => settingsKeys[name].schema.parse(config[name]);
const ofImage = Object.keys(settingsKeys).filter((name) => name.startsWith("image:"));
const image = Object.fromEntries(ofImage.map((name) => [name.slice("image:".length), setting(name)]));

const base = readBaseImage(root, image.baseRecord);
const repositories = await readRepositories(root, image.repos, base.series);
const build = { image, installed: setting("odoo:modules"), base, repositories };
const made = {
  Dockerfile: plainDockerfile(read("images/odoo/Dockerfile"), build),
  ".dockerignore": plainIgnore(build),
  "docs/SOP-BUILD-001.md": procedurePage(),
  "docs/codes-and-tests.md": codesPage(readTests(root)),
  "docs/gate-report.schema.json": publishedSchema(),
};
for (const [file, text] of Object.entries(made)) {
  if (!process.argv.includes("--check")) {
    fs.writeFileSync(path.join(root, file), text);
  } else if (!fs.existsSync(path.join(root, file)) || read(file) !== text) {
    console.error(`${file} is not what it is made of; run: npm run docs`);
    process.exitCode = 1;
  }
}
