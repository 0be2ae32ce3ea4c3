import type { TargetReport } from "../components/odoo/history";
import { code } from "../gates/report/markdown";
import { lastDoor } from "../releases/plan";
import { duration, shortDigest } from "../releases/words";
import { costOf, dollars, pricesOf } from "./cost";
import { type Difference, differences, isHashesOnly } from "./differences";
import { baseOf, imageIn, type ImageFacts } from "./image";
import { isShowable } from "./noise";
import { few, foldedList, modulesOf, named, textChange } from "./phrases";
import { restartsOf } from "./restarts";
import type { Snapshot } from "./snapshot";

/** Two previews of one stack: of the branch that a pull request goes to, and with its changes. */
export interface Pair {
  readonly base: Snapshot;
  readonly head: Snapshot;
}

const resourcesShown = 60;

/**
 * Writes what a reviewer asks, in at most ten lines, and below it the resources, folded away. Only what differs from
 * the target branch's own preview is in it.
 * @param reports what the targets tell of earlier releases; empty where they were not asked
 */
export function previewPage(pair: Pair, reports: readonly TargetReport[] = []): string {
  const { base, head } = pair;
  const title = `### Preview of ${code(head.stack)}`;
  if (head.failure !== "") return [title, "", ...failed(head)].join("\n") + "\n";
  if (base.failure !== "") {
    const words = "The target branch itself has no preview, so nothing can be compared. It says:";
    return [title, "", words, ...failed(base).slice(1)].join("\n") + "\n";
  }
  const all = differences(base, head);
  const rows = rowsOf(pair, all, reports);
  const lines = rows.length > 0 ? rows : ["Nothing changes for this stack, and **nothing restarts**."];
  const shown = all.filter((one) => !isHashesOnly(one) && !/^(gates|release|served)-/.test(one.name));
  return [title, "", ...lines, ...foldedList("Resources", shown.map(resourceLine), resourcesShown)].join("\n") + "\n";
}

/** An error of the program says itself what to do. What breaks a rule leaves out what comes after it. */
function failed({ failure, policy }: Snapshot): string[] {
  const lines = policy.length > 0 ? policy : failure.split("\n").filter((line) => line.trim() !== "");
  return [
    "**The update would be refused:**",
    "",
    ...lines.slice(0, 12).map((line) => `- ${code(line.trim().slice(0, 300))}`),
    ...(policy.length > 0 ? ["", "These are [rules](docs/policy.md) for an update, each with what to do."] : []),
  ];
}

function rowsOf({ base, head }: Pair, all: readonly Difference[], reports: readonly TargetReport[]): string[] {
  const [before, after] = [imageIn(base), imageIn(head)];
  const image = before?.content !== after?.content;
  const modules = modulesOf(before?.built?.modules, after?.built?.modules);
  const installs = base.settings["odoo:modules"] !== head.settings["odoo:modules"];
  const newBase = before?.built?.baseDigest !== after?.built?.baseDigest;
  const upgrades = {
    modules,
    newBase: newBase && after?.built !== undefined,
    installs,
    digest: byDigest(after, image),
  };
  const rows: [string, string][] = [
    ["Modules", image && upgrades.digest ? `those of another release: ${code("npm run releases")}` : few(modules)],
    ["Image", image ? imageText(before, after, { base, head }) : ""],
    ["Base image", newBase ? baseText(before, after) : ""],
    ["Vulnerabilities", image ? vulnerabilities({ base, head }, upgrades.digest) : ""],
    ["Settings", few(textChange(base.settings, head.settings))],
    ...consequences(all, { ...upgrades, image }, targetsOf(head), reports),
    ["Warnings, new", few(head.warnings.filter((text) => !base.warnings.includes(text)).map((text) => code(text)))],
    ["Rules", advice({ base, head })],
    ["Cost", cost(base, head)],
  ];
  const told = rows.filter(([, text]) => text !== "");
  const nothing = !image && all.length === 0 && told.every(([head]) => head === "Restarts");
  return nothing ? [] : told.map(([head, text]) => `- **${head}:** ${text}`);
}

/** What an advisory rule of somebody's own pack says, and did not before; those of this project refuse the update. */
function advice({ base, head }: Pair): string {
  return few(head.policy.filter((text) => !base.policy.includes(text)).map((text) => code(text.slice(0, 300))));
}

function byDigest(after: ImageFacts | undefined, image: boolean): boolean {
  return image && after !== undefined && after.built === undefined;
}

interface Upgrades {
  readonly image: boolean;
  readonly modules: readonly string[];
  readonly newBase: boolean;
  readonly installs: boolean;
  readonly digest: boolean;
}

/** What restarts and for how long, and what a way back then means. */
function consequences(
  all: readonly Difference[],
  { image, modules, newBase, installs, digest }: Upgrades,
  targets: readonly string[],
  reports: readonly TargetReport[],
): [string, string][] {
  const { parts, machine } = restartsOf(all, image, targets);
  if (parts.length === 0) {
    return [["Restarts", image && targets.length === 0 ? "nothing: this stack has no target" : "**nothing restarts**"]];
  }
  const open = "the door stays open, and requests may wait for seconds";
  const door = lastDoor(reports);
  const time = door === undefined ? "not known yet" : `about ${duration(door)}, as at the last release that closed it`;
  const closed = `the door is closed while the database is upgraded (${time})`;
  const maybe = `if an installed module differs, ${closed}; else it stays open, and requests may wait for seconds`;
  const moves = modules.length > 0 || installs;
  const noticed = moves ? closed : newBase || digest ? maybe : machine ? "Odoo is away meanwhile" : open;
  return [
    ["Restarts", `${few(parts, "; ")}. ${noticed.charAt(0).toUpperCase()}${noticed.slice(1)}.`],
    ["Schema and rollback", schema({ moves, maybe: newBase || digest, image })],
  ];
}

function schema({ moves, maybe, image }: { moves: boolean; maybe: boolean; image: boolean }): string {
  const data = "a rollback then takes the data of a restore point, too, and leaves out what was written since";
  if (moves) return `moves where these modules are installed: ${data}.`;
  if (maybe) return `moves if a module that is installed differs, Odoo's own included: ${data}. Else it is code alone.`;
  return image ? "stays: a rollback is code alone." : "stays.";
}

function targetsOf({ resources }: Snapshot): string[] {
  const has = (name: string) => resources.some(({ urn }) => urn.endsWith(`::${name}`));
  return [...(has("vps-odoo-release") ? ["the VPS"] : []), ...(has("doks-odoo-web") ? ["the cluster"] : [])];
}

function imageText(before: ImageFacts | undefined, after: ImageFacts | undefined, { base, head }: Pair): string {
  if (before === undefined || after === undefined) return "the first one";
  if (after.built === undefined || before.built === undefined) {
    return `${code(contentName(before))} → ${code(contentName(after))}`;
  }
  const lines = (snapshot: Snapshot) => {
    const entries = Object.entries(snapshot.requirements);
    return Object.fromEntries(entries.flatMap(([file, all]) => all.map((line) => [`${file}: ${line}`, ""])));
  };
  const [old, now] = [lines(base), lines(head)];
  const added = Object.keys(now).filter((line) => old[line] === undefined);
  const gone = Object.keys(old).filter((line) => now[line] === undefined);
  const causes = [
    ...added.map((line) => `new ${code(line)}`),
    ...gone.map((line) => `without ${code(line)}`),
    ...textChange(before.built.arguments, after.built.arguments),
  ];
  return `content ${code(contentName(before))} → ${code(contentName(after))}${named(":", causes)}`;
}

function contentName({ content }: ImageFacts): string {
  return content.startsWith("sha256:") ? shortDigest(content) : content.slice(0, 12);
}

function baseText(before: ImageFacts | undefined, after: ImageFacts | undefined): string {
  const name = (one: ImageFacts | undefined) => (one?.built === undefined ? "not known" : code(baseOf(one.built)));
  return `${name(before)} → ${name(after)}`;
}

function vulnerabilities({ base, head }: Pair, digest: boolean): string {
  const [from, to] = [base.vulnerabilities, head.vulnerabilities];
  if (digest) return "not in this preview: staging's report of that digest has them";
  if (to === null) return "not known until staging has built it";
  if (from === null) return "not known: the image of now has no whole report";
  const gained = to.filter((one) => !from.includes(one)).map((one) => code(one));
  const lost = from.filter((one) => !to.includes(one)).map((one) => code(one));
  return `${gained.length} gained, ${lost.length} lost${named("; gained", gained)}${named("; lost", lost)}`;
}

function cost(base: Snapshot, head: Snapshot): string {
  const [from, to] = [costOf(base), costOf(head)];
  const sizes = to.unpriced.filter((size) => !from.unpriced.includes(size));
  if (from.least === to.least && from.most === to.most && sizes.length === 0) return "";
  const open =
    to.unpriced.length > 0 ? `, and ${few(to.unpriced.map((one) => code(one)))}, whose price is not known here` : "";
  const origin = `list prices of ${pricesOf}, without taxes`;
  return `${dollars(from)} → ${dollars(to)} a month${open} (${origin})`;
}

const signs = { added: "+", changed: "~", replaced: "±", removed: "-" } as const;

function resourceLine({ kind, name, type, places }: Difference): string {
  const shown = places.map(({ place, from, to }) => {
    const both = isShowable(from ?? "none") && isShowable(to ?? "none");
    return both ? `${code(place)} ${code(from ?? "none")} → ${code(to ?? "none")}` : code(place);
  });
  return `- ${signs[kind]} ${code(name)} ${code(type.split(":").at(-1) ?? type)}${named(":", shown)}`;
}
