import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

/** One file, link or folder of a build context; `name` is relative, with slashes. */
export interface ContextEntry {
  readonly name: string;
  readonly file: string;
  readonly stats: fs.Stats;
}

/** The context without what `<Dockerfile>.dockerignore` or `.dockerignore` leaves out, sorted by name within each folder. */
export function readContext(context: string, dockerfile: string): readonly ContextEntry[] {
  const ignored = ignoreRules(context, dockerfile);
  const entries: ContextEntry[] = [];
  const walk = (folder: string): void => {
    const names = fs.readdirSync(path.join(context, folder)).sort(byBytes);
    for (const base of names) {
      const name = folder === "" ? base : `${folder}/${base}`;
      const file = path.join(context, name);
      const stats = fs.lstatSync(file);
      // A later rule may bring back a file of an ignored folder: the folder itself is then needed only with that file.
      if (!ignored(name)) entries.push({ name, file, stats });
      if (stats.isDirectory()) walk(name);
    }
  };
  walk("");
  return entries;
}

/** Hash of a context as the official plugin computes it: names, modes and contents; a link counts by its target's path. */
export function hashContext(context: string, dockerfile: string): string {
  const hash = createHash("sha256");
  const add = (name: string, mode: string, content: Buffer | string): void => {
    hash.update(name).update(mode).update(createHash("sha256").update(content).digest()).update("\0");
  };
  // The Dockerfile counts under one name wherever it is.
  add("Dockerfile", "----------", fs.readFileSync(dockerfile));
  for (const { name, file, stats } of readContext(context, dockerfile)) {
    if (stats.isDirectory()) continue;
    if (stats.isSymbolicLink()) add(name, goMode(stats, "L"), linkTarget(context, file));
    else add(name, goMode(stats, "-"), stats.isFile() ? fs.readFileSync(file) : "");
  }
  return hash.digest("hex");
}

function linkTarget(context: string, file: string): string {
  const target = fs.realpathSync(file);
  return path.isAbsolute(context) ? target : path.relative(process.cwd(), target);
}

// Go writes the bits for set-user-id, set-group-id and sticky in front.
function goMode(stats: fs.Stats, type: string): string {
  const special = [
    [0o4000, "u"],
    [0o2000, "g"],
    [0o1000, "t"],
  ] as const;
  const front = special.flatMap(([bit, letter]) => ((stats.mode & bit) === 0 ? [] : [letter])).join("");
  const prefix = type === "-" ? (front === "" ? "-" : front) : type + front;
  return (
    prefix + [..."rwxrwxrwx"].map((letter, index) => ((stats.mode & (0o400 >> index)) === 0 ? "-" : letter)).join("")
  );
}

function ignoreRules(context: string, dockerfile: string): (name: string) => boolean {
  const file = [`${dockerfile}.dockerignore`, path.join(context, ".dockerignore")].find((candidate) =>
    fs.existsSync(candidate),
  );
  if (file === undefined) return () => false;
  const rules = fs
    .readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ keep: line.startsWith("!"), pattern: toPattern(line.replace(/^!/, "")) }));
  // The engine reads the Dockerfile from the context, also when a rule leaves it out.
  const own = path.relative(context, dockerfile).split(path.sep).join("/");
  return (name) =>
    name !== own && rules.reduce((ignored, { keep, pattern }) => (pattern.test(name) ? !keep : ignored), false);
}

function toPattern(rule: string): RegExp {
  const clean = path.posix.normalize(rule.trim()).replace(/^\/+|\/+$/g, "");
  const source = clean.replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|\\]/g, (part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : `\\${part}`;
  });
  return new RegExp(`^${source}(?:/.*)?$`);
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
