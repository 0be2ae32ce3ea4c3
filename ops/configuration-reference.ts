/**
 * Writes docs/configuration.md from the table of settings; with `--check` only says whether it is current (exit 1 if
 * not).
 */
import * as fs from "node:fs";
import * as path from "node:path";

import { type Key, settingsKeys } from "../components/settings/table";

const file = path.join(__dirname, "..", "docs", "configuration.md");

const sections: Record<string, string> = {
  odoo: "The stack and its Odoo",
  registry: "The registry",
  image: "The image",
  vps: "The VPS",
  doks: "Kubernetes",
  gates: "Gates",
  notify: "Who is told of a failure",
  release: "A release",
  backup: "The nightly dump",
};

const environment: [name: string, meaning: string][] = [
  [
    "DIGITALOCEAN_TOKEN",
    "API token, unless `digitalocean:token` is set as a secret. Makes the registry's credentials, reads the " +
      "registry, and opens the cluster.",
  ],
  [
    "DO_REGISTRY_TOKEN",
    "Token that the program reads the DigitalOcean registry with, when it should not be the API token.",
  ],
  ["GHCR_TOKEN", "Token for GitHub's registry, unless `registry:password` is set."],
  ["REGISTRY_PASSWORD", "Password for a generic registry, unless `registry:password` is set."],
  ["REGISTRY_PULL_PASSWORD", "Password that host and cluster pull with, unless `registry:pullPassword` is set."],
  ["VPS_SSH_PRIVATE_KEY", "Private SSH key for the login on the VPS, unless `vps:privateKey` is set."],
  [
    "DIGITALOCEAN_API_URL",
    "Another address of DigitalOcean's API, over HTTPS or on this machine; the official provider reads it too.",
  ],
  ["DOCKER_HOST", "The Docker engine that builds, as for every Docker tool."],
];

function reference(): string {
  const lines = [
    "# Configuration",
    "",
    "Generated from `components/settings/table.ts` by `npm run docs`; do not edit.",
    "",
    "Keys stand in `Pulumi.<stack>.yaml` or are set with `pulumi config set <key> <value>`. Lists are YAML or " +
      "JSON lists.",
    "Every key is checked before any resource is touched. All problems are reported at once; an unknown key is " +
      "an error.",
  ];
  for (const [namespace, title] of Object.entries(sections)) {
    lines.push("", `## ${title}`, "", "| key | allowed | default | meaning |", "| --- | --- | --- | --- |");
    for (const [name, key] of Object.entries<Key>(settingsKeys)) {
      if (name.startsWith(`${namespace}:`)) {
        lines.push(`| \`${name}\` | ${key.allowed} | ${defaultOf(key)} | ${key.doc} |`);
      }
    }
  }
  lines.push(
    "",
    "## Environment variables",
    "",
    "| variable | meaning |",
    "| --- | --- |",
    ...environment.map(([name, meaning]) => `| \`${name}\` | ${meaning} |`),
    "",
  );
  return lines.join("\n");
}

function defaultOf(key: Key): string {
  const result = key.schema.safeParse(undefined);
  if (!result.success) {
    return "required";
  }
  return result.data === ""
    ? "empty"
    : `\`${typeof result.data === "string" ? result.data : JSON.stringify(result.data)}\``;
}

if (process.argv.includes("--check")) {
  if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== reference()) {
    console.error("docs/configuration.md is not what components/settings/table.ts says; run: npm run docs");
    process.exitCode = 1;
  }
} else {
  fs.writeFileSync(file, reference());
}
