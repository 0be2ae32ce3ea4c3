import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import type { GateTools } from "./gate";
import { bareEnvironment, type Ended, run } from "./programs";
import { ownCache } from "./tools/find";

/** Where the database of known vulnerabilities is had, and how old it may be. */
export interface DatabaseOrder {
  /** Empty: Trivy's own. `oci://host/repository:tag`: a mirror of it. Else a folder that has `db/trivy.db`. */
  readonly databaseFrom: string;
  readonly databaseDays: number;
}

/** Trivy, run where nothing of the project and no variable tells it to look away. */
export interface Trivy {
  /** Folder of its own, where it runs. */
  readonly folder: string;
  run(args: readonly string[]): Promise<Ended>;
}

const limitMs = 20 * 60_000;
const hourMs = 3_600_000;

/** @param login environment with the registry's login */
export function trivyIn(folder: string, program: string, login: Readonly<Record<string, string>>): Trivy {
  const env = bareEnvironment({ ...login, TRIVY_SKIP_VERSION_CHECK: "true", TRIVY_DISABLE_TELEMETRY: "true" });
  return { folder, run: (args) => run(program, [...args, "--quiet"], { cwd: folder, env, limitMs }) };
}

/** A database that is there, and new enough. */
export interface Database {
  /** What Trivy takes for its cache: it has the database in it, and what Trivy knows of layers from earlier scans. */
  readonly cache: string;
  readonly updated: Date;
  readonly hours: number;
  readonly warnings: readonly string[];
}

/**
 * Has a database that is not older than it may be. Undefined where it cannot be had and the stack is not strict.
 * @throws ShipError SCAN_INCOMPLETE for one that is too old; TOOL_MISSING if there is none
 */
export async function openDatabase(
  trivy: Trivy,
  { databaseFrom: from, databaseDays: days }: DatabaseOrder,
  { root, say, cannotCheck }: Pick<GateTools, "root" | "say" | "cannotCheck">,
): Promise<Database | undefined> {
  const given = from !== "" && !from.startsWith(mirror);
  const source = given ? path.resolve(root, from) : storeOf(from);
  let problem = "";
  if (!given) {
    say(`database of known vulnerabilities: ${from === "" ? "Trivy's own" : from}`);
    fs.mkdirSync(source, { recursive: true, mode: 0o700 });
    const repository = from === "" ? [] : ["--db-repository", from.slice(mirror.length)];
    const { status, tail } = await trivy.run(["image", "--download-db-only", "--cache-dir", source, ...repository]);
    if (status !== 0) problem = tail || `trivy ended with ${String(status)}`;
  }
  const updated = updatedOf(source);
  const where = given ? source : from === "" ? "Trivy's own" : from;
  if (updated === undefined) {
    cannotCheck(missing(where, problem || `no ${path.join(source, "db", "metadata.json")} that has UpdatedAt`));
    return undefined;
  }
  const hours = Math.max(0, Math.round((Date.now() - updated.getTime()) / hourMs));
  if (hours > days * 24) {
    const error = old(where, { updated, hours, days }, problem);
    // A machine without a network is told so; a database that somebody keeps there has to be kept new.
    if (problem === "") throw error;
    cannotCheck(error);
    return undefined;
  }
  const warnings = problem === "" ? [] : [`the database could not be renewed; it is ${hours} h old: ${last(problem)}`];
  return { cache: cacheOf(trivy.folder, source), updated, hours, warnings };
}

const mirror = "oci://";

function storeOf(from: string): string {
  const name = from === "" ? "own" : createHash("sha256").update(from).digest("hex").slice(0, 12);
  return path.join(ownCache(), "trivy", name);
}

/** A folder that somebody else keeps may be one that is only read. So what Trivy writes lies elsewhere. */
function cacheOf(folder: string, source: string): string {
  const [cache, scans] = [path.join(folder, "cache"), path.join(storeOf(""), "fanal")];
  fs.mkdirSync(cache);
  fs.mkdirSync(scans, { recursive: true, mode: 0o700 });
  fs.symlinkSync(path.join(source, "db"), path.join(cache, "db"));
  fs.symlinkSync(scans, path.join(cache, "fanal"));
  return cache;
}

function updatedOf(source: string): Date | undefined {
  try {
    if (!fs.existsSync(path.join(source, "db", "trivy.db"))) return undefined;
    const text = fs.readFileSync(path.join(source, "db", "metadata.json"), "utf8");
    const updated = new Date((JSON.parse(text) as { UpdatedAt?: string }).UpdatedAt ?? "");
    return Number.isNaN(updated.getTime()) ? undefined : updated;
  } catch {
    return undefined;
  }
}

const remedy =
  "allow this machine to reach it, or name a mirror or a folder in gates:databaseFrom (docs/vulnerabilities.md)";

function missing(where: string, found: string): ShipError {
  return new ShipError({
    code: "TOOL_MISSING",
    summary: "there is no database of known vulnerabilities",
    found: `${where}: ${found}`,
    expected: "a database that Trivy can read",
    remedy,
  });
}

function old(where: string, age: { updated: Date; hours: number; days: number }, problem: string): ShipError {
  const renewed = problem === "" ? "" : `; it could not be renewed: ${last(problem)}`;
  return new ShipError({
    code: "SCAN_INCOMPLETE",
    summary: "the database of known vulnerabilities is too old to judge an image by",
    found: `${where}: of ${age.updated.toISOString()}, ${age.hours} h old${renewed}`,
    expected: `at most ${age.days} days, as gates:databaseDays says`,
    remedy: problem === "" ? "renew it where gates:databaseFrom has it, then run the update again" : remedy,
  });
}

function last(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

/** Scans the image in its registry, and answers Trivy's own report as text. Nothing of the image is run. */
export async function scanImage(trivy: Trivy, image: string, { cache }: Database): Promise<string> {
  const file = path.join(trivy.folder, "scan.json");
  const offline = ["--skip-db-update", "--skip-java-db-update", "--offline-scan", "--cache-dir", cache];
  const what = ["--scanners", "vuln", "--image-src", "remote", "--timeout", "15m", "--format", "json"];
  const args = ["image", ...offline, ...what, "--output", file, image];
  let ended = await trivy.run(args);
  // Two scans cannot remember layers in one place at once; the second one does without.
  if (ended.status !== 0 && /in use by another process/i.test(ended.tail)) {
    ended = await trivy.run(["image", "--cache-backend", "memory", ...args.slice(1)]);
  }
  if (ended.status === 0 && fs.existsSync(file)) return fs.readFileSync(file, "utf8");
  const refused = /UNAUTHORIZED|DENIED|status code 40[13]/i.test(ended.tail);
  throw new ShipError({
    code: refused ? "REGISTRY_AUTH_FAILURE" : "SCAN_INCOMPLETE",
    summary: refused ? "the registry does not let the scanner read the image" : "Trivy could not scan the image",
    found: last(ended.tail) || `trivy ended with ${String(ended.status)}`,
    expected: `a scan of ${image}`,
    remedy: refused
      ? "set a login that may pull from the registry, then run the update again"
      : "read the line above, then run the update again",
  });
}

/** Makes SARIF of a report of Trivy; answers a warning if that does not work. */
export async function writeSarif(trivy: Trivy, report: string, target: string): Promise<string[]> {
  const file = path.join(trivy.folder, "left.json");
  const made = path.join(trivy.folder, "scan.sarif");
  fs.writeFileSync(file, report);
  const { status, tail } = await trivy.run(["convert", "--format", "sarif", "--output", made, file]);
  if (status !== 0 || !fs.existsSync(made)) return [`there is no ${path.basename(target)}: ${last(tail)}`];
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.copyFileSync(made, target);
  return [];
}
