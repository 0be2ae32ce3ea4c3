import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { text } from "node:stream/consumers";

import { ShipError } from "./errors";
import { fingerprintOf } from "./fingerprint";
import type { Secret } from "./secret";

/**
 * Reference to one of the stack's secrets, in a resource's input, so that the state has no copy of the secret. The
 * fingerprint makes another secret a change.
 */
interface Reference {
  readonly secret: string;
  readonly fingerprint: string;
}

/** Secrets by the names of their settings. */
export type NamedSecrets = Readonly<Record<string, Secret>>;

/** Replaces each text in `value` that is one of the secrets by a reference. */
export function withReferences(value: unknown, secrets: NamedSecrets): unknown {
  if (typeof value === "string") {
    const name = Object.keys(secrets).find((one) => secrets[one]?.reveal() === value);
    return name === undefined ? value : ({ secret: name, fingerprint: fingerprintOf(value) } satisfies Reference);
  }
  if (Array.isArray(value)) {
    return value.map((one) => withReferences(one, secrets));
  }
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withReferences(one, secrets)]))
    : value;
}

/**
 * Desk where a program that Pulumi starts fetches the secrets to which its input refers. It is a socket of the running
 * update that only this user can reach. Nothing is written to a disk, so a killed update leaves nothing behind.
 *
 * The two obvious ways do not work: a resource's inputs are kept in the state, and the plugin that starts the program
 * has the environment of `pulumi`, not of this process.
 */
export class SecretDesk {
  private constructor(
    private readonly server: net.Server,
    private readonly file: string,
  ) {}

  /**
   * Opens the desk of a stack, until it is closed or the process ends.
   * @param stack `project/stack`: of two stacks that are updated at once from this directory, each has its own
   * @throws ShipError DEPLOY_FAILED where this user has no directory of their own
   */
  static async open(stack: string, ...secrets: readonly NamedSecrets[]): Promise<SecretDesk> {
    const file = deskOf(stack);
    const server = net.createServer((visitor) => {
      visitor.on("error", () => visitor.destroy());
      visitor.end(
        JSON.stringify(
          Object.fromEntries(secrets.flatMap(Object.entries<Secret>).map(([name, secret]) => [name, secret.reveal()])),
        ),
      );
    });
    try {
      ownDirectory(path.dirname(file));
      // A killed update may have left one. Pulumi's lock keeps two updates of one stack apart.
      fs.rmSync(file, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(file, resolve);
      });
    } catch (error) {
      throw unusable(error);
    }
    server.unref();
    const desk = new SecretDesk(server, file);
    process.once("exit", desk.close);
    return desk;
  }

  readonly close = (): void => {
    process.removeListener("exit", this.close);
    // This removes the socket's file, too.
    this.server.close();
    fs.rmSync(this.file, { force: true });
  };
}

/**
 * Replaces the references in the value by the secrets: those of the environment where it has them, else of the desk.
 * @param environment name of the variable by the secret's, for those that operators give by one
 * @throws ShipError DEPLOY_FAILED if nobody has them, or others
 */
export async function fetchReferences(
  value: unknown,
  stack: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<unknown> {
  const wanted = referencesIn(value);
  const found = new Map<string, string>();
  const take = (texts: Readonly<Record<string, string | undefined>>) => {
    for (const { secret, fingerprint } of wanted) {
      const candidate = texts[secret];
      if (candidate !== undefined && fingerprintOf(candidate) === fingerprint) {
        found.set(secret, candidate);
      }
    }
  };
  take(environment);
  let reason = "the update that runs has another one";
  if (wanted.some(({ secret }) => !found.has(secret))) {
    try {
      take(await askDesk(stack));
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  const missing = wanted.map(({ secret }) => secret).filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw notFetched(missing, reason);
  }
  return replaced(value, found);
}

/**
 * Fetches secrets from the desk by their names alone, for an input that another secret is no change of.
 * @throws ShipError DEPLOY_FAILED if it does not have them all
 */
export async function secretsNamed(names: readonly string[], stack: string): Promise<Readonly<Record<string, string>>> {
  let found: Readonly<Record<string, string>>;
  try {
    found = await askDesk(stack);
  } catch (error) {
    throw notFetched(names, error instanceof Error ? error.message : String(error));
  }
  const missing = names.filter((name) => found[name] === undefined);
  if (missing.length > 0) {
    throw notFetched(missing, "the update that runs has none");
  }
  return found;
}

/** Everything that the desk has, by name; nothing where no update of the stack runs. */
export async function textsOfUpdate(stack: string): Promise<Readonly<Record<string, string>>> {
  try {
    return await askDesk(stack);
  } catch {
    return {};
  }
}

async function askDesk(stack: string): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await text(net.connect(deskOf(stack)))) as Record<string, string>;
}

function notFetched(missing: readonly string[], reason: string): ShipError {
  return new ShipError({
    code: "DEPLOY_FAILED",
    summary: "a secret that is not in the state could not be fetched from the update",
    found: `no ${[...new Set(missing)].join(", ")}: ${reason}`,
    expected: "that the program that runs the update and this one are the same user's, on the same machine",
    remedy: "run pulumi up again; with a TMPDIR that both can use, if it stays so. Nothing was changed",
  });
}

function replaced(value: unknown, found: ReadonlyMap<string, string>): unknown {
  if (isReference(value)) {
    return found.get(value.secret);
  }
  if (Array.isArray(value)) {
    return value.map((one) => replaced(one, found));
  }
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one, found)]))
    : value;
}

function referencesIn(value: unknown): Reference[] {
  if (isReference(value)) {
    return [value];
  }
  return isObject(value) ? Object.values(value).flatMap(referencesIn) : [];
}

function isReference(value: unknown): value is Reference {
  return (
    isObject(value) &&
    Object.keys(value).length === 2 &&
    typeof value["secret"] === "string" &&
    typeof value["fingerprint"] === "string"
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/**
 * Path of the desk: the same for the program and for what Pulumi starts, since both run in the project's directory. A
 * socket's path has room for 103 bytes on macOS.
 */
function deskOf(stack: string): string {
  const name = createHash("sha256")
    .update(`${fs.realpathSync(process.cwd())}\0${stack}`)
    .digest("hex")
    .slice(0, 16);
  const directory = (at: string) => path.join(at, `odoo-ship-${process.getuid?.() ?? os.userInfo().username}`);
  const usual = path.join(directory(os.tmpdir()), name);
  return Buffer.byteLength(usual) <= 100 ? usual : path.join(directory("/tmp"), name);
}

/** In a place that everybody can write to, somebody else may have made the directory first. */
function ownDirectory(directory: string): void {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { mode, uid } = fs.lstatSync(directory);
  const mine = process.getuid === undefined || uid === process.getuid();
  if (!mine || (mode & fs.constants.S_IFMT) !== fs.constants.S_IFDIR || (mode & 0o077) !== 0) {
    throw new Error(`${directory} is not this user's alone`);
  }
}

function unusable(error: unknown): ShipError {
  return new ShipError({
    code: "DEPLOY_FAILED",
    summary: "there is no private place from which the logins of host and registry could be fetched",
    found: error instanceof Error ? error.message : String(error),
    expected: "a directory for temporary files in which this user can make one of their own",
    remedy: "set TMPDIR to a directory of yours, or remove the one that is named; nothing was changed",
  });
}
