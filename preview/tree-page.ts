import { code } from "../gates/report/markdown";
import { few, foldedList, modulesOf, named, textChange } from "./phrases";
import type { TreeChange } from "./tree";

const filesShown = 60;

/** Writes what a pull request changes, by Git alone: for one whose code gets no credentials. */
export function treePage(change: TreeChange): string {
  const { files, image, program, base, requirements } = change;
  const modules = modulesOf(...change.modules);
  const settings = textChange(...change.settings);
  const [before, after] = requirements;
  const packages = [
    ...after.filter((line) => !before.includes(line)).map((line) => `new ${code(line)}`),
    ...before.filter((line) => !after.includes(line)).map((line) => `without ${code(line)}`),
  ];
  const rows: [string, string][] = [
    ["Modules", few(modules)],
    ["Python packages", few(packages)],
    ["Base image", base[0] === base[1] ? "" : `${code(base[0] || "none")} → ${code(base[1] || "none")}`],
    ["Settings", few(settings)],
    ["Program", program.length === 0 ? "" : `${program.length} of its files: what that changes, only a stack tells`],
    ["Image and restarts", consequence(image, [...program, ...settings])],
    ["Schema and rollback", schema(modules.length > 0, base[0] !== base[1])],
  ];
  const lines = rows.filter(([, text]) => text !== "").map(([head, text]) => `- **${head}:** ${text}`);
  const title = "### Preview by Git alone";
  const note = "No stack was asked: cost, vulnerabilities and resources are *not checked*.";
  const list = foldedList(
    "Files",
    files.map((file) => `- ${code(file)}`),
    filesShown,
  );
  return [title, "", ...lines, "", note, ...list].join("\n") + "\n";
}

function consequence(image: readonly string[], others: readonly string[]): string {
  if (image.length > 0) {
    const files = named(
      ":",
      image.map((file) => code(file)),
    );
    return `another image, and a release that starts Odoo anew (${image.length} of its files${files}).`;
  }
  return others.length > 0
    ? "no file of the image changes; what restarts for the rest, only a stack tells."
    : "nothing that goes into the image changes: **nothing restarts**.";
}

function schema(modules: boolean, base: boolean): string {
  if (modules)
    return "moves where these modules are installed: a rollback then takes the data of a restore point, too.";
  return base ? "moves if a module of Odoo's own that is installed differs." : "";
}
