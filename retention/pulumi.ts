import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { parse } from "yaml";

import { ask } from "../components/shared/ask";
import { shortName } from "../releases/stack-name";
import { refused } from "./refused";

const limitMs = 3 * 60_000;

/** Runs a program that tells something; answers what it prints. */
export type Teller = (program: string, ...args: string[]) => Promise<string>;

/**
 * Makes the real one, for the project in `root`.
 * @throws ShipError RETENTION_REFUSED if the program fails
 */
export function teller(root: string): Teller {
  return async (program, ...args) => {
    const { status, stdout, stderr, problem } = await ask(program, args, root, limitMs);
    if (status === 0) return stdout;
    const absent = problem?.includes("ENOENT") === true;
    throw refused(
      "what stacks name, or whether one is being updated, cannot be read; nothing was removed",
      // Its standard output is not shown: it may be secrets.
      absent ? `no program \`${program}\` on the PATH` : stderr.trim() || (problem ?? `${program} says nothing`),
      `an answer of \`${program} ${args.join(" ")}\``,
      "install the program, log in to where the state is, and see what the command answers by itself",
    );
  };
}

/** A state, as far as it matters here. */
interface Exported {
  readonly deployment?: { readonly pending_operations?: readonly unknown[] | null } | null;
}

/** Tells whether an update is in the middle of something, or was killed there. */
export function isPending(state: string): boolean {
  return ((JSON.parse(state) as Exported).deployment?.pending_operations ?? []).length > 0;
}

/**
 * Lists the stacks whose state is locked, of these. Pulumi Cloud tells it itself; in a folder or a bucket the locks
 * are files.
 * @throws ShipError RETENTION_REFUSED where that cannot be seen
 */
export async function lockedStacks(root: string, tell: Teller, stacks: readonly string[]): Promise<string[]> {
  const { url = "" } = JSON.parse(await tell("pulumi", "whoami", "--json")) as { url?: string };
  if (/^https?:/.test(url)) {
    const listed = JSON.parse(await tell("pulumi", "stack", "ls", "--json")) as CloudStack[];
    return stacks.filter((stack) => {
      const found = listed.filter(({ name }) => isSame(name, stack));
      if (found.length === 0) throw unseen(`${stack} is not among the stacks that \`pulumi stack ls\` lists`);
      return found.some(({ updateInProgress }) => updateInProgress === true);
    });
  }
  const locks = await lockFiles(root, tell, url);
  const project = projectName(root);
  return stacks.filter((stack) => locks.some((file) => isLockOf(file, project, shortName(stack))));
}

/** Tells whether two names may mean one stack: organisation and project may be left out. */
function isSame(one: string, other: string): boolean {
  const [owner, another] = [one, other].map((name) => (name.includes("/") ? name.split("/")[0] : undefined));
  return shortName(one) === shortName(other) && (owner === undefined || another === undefined || owner === another);
}

interface CloudStack {
  readonly name: string;
  readonly updateInProgress?: boolean;
}

const locksFolder = ".pulumi/locks/";

/** Lists the files of locks below their folder. */
async function lockFiles(root: string, tell: Teller, url: string): Promise<string[]> {
  if (url.startsWith("file://")) {
    const place = url.slice("file://".length).split("?")[0] ?? "";
    const base = place.startsWith("~") ? path.join(os.homedir(), place.slice(1)) : path.resolve(root, place);
    if (!fs.existsSync(path.join(base, ".pulumi"))) throw unseen(`no state in ${base}`);
    const folder = path.join(base, locksFolder);
    return fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  }
  if (url.startsWith("s3://")) {
    const { host, pathname, searchParams } = new URL(url);
    const prefix = [pathname.replace(/^\/|\/$/g, ""), locksFolder].filter((part) => part !== "").join("/");
    const [endpoint, region, profile] = ["endpoint", "region", "profile"].map((name) => searchParams.get(name));
    // Pulumi knows it by both names, and takes what Go takes for true.
    const plain = ["disableSSL", "disable_https"].some((name) => /^(1|t|true)$/i.test(searchParams.get(name) ?? ""));
    const scheme = plain ? "http" : "https";
    const options = [
      ...(endpoint ? ["--endpoint-url", /^https?:/.test(endpoint) ? endpoint : `${scheme}://${endpoint}`] : []),
      ...(region ? ["--region", region] : []),
      ...(profile ? ["--profile", profile] : []),
    ];
    const query = ["--bucket", host, "--prefix", prefix, "--query", "Contents[].Key", "--output", "json"];
    const keys = JSON.parse((await tell("aws", "s3api", "list-objects-v2", ...query, ...options)) || "null") as unknown;
    return (Array.isArray(keys) ? keys : []).map((key) => String(key).slice(prefix.length));
  }
  throw unseen(`the state is in ${url.split(":")[0] ?? ""}, whose locks cannot be listed`);
}

/** @param file such as `organization/odoo/prod/<id>.json`, or `prod/<id>.json` of an old state */
function isLockOf(file: string, project: string, stack: string): boolean {
  const [name, owner] = file.split(/[/\\]/).reverse().slice(1);
  return file.endsWith(".json") && name === stack && (owner === undefined || [project, "default"].includes(owner));
}

function projectName(root: string): string {
  const { name } = parse(fs.readFileSync(path.join(root, "Pulumi.yaml"), "utf8")) as { name?: string };
  return name ?? "";
}

function unseen(found: string) {
  return refused(
    "it cannot be seen whether a stack is being updated; nothing was removed",
    found,
    "a state in Pulumi Cloud, in a folder, or in a bucket that `aws` can list (s3://…)",
    "log in with `pulumi login` to where the state is; docs/retention.md has the details",
  );
}
