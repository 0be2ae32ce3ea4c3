import * as fs from "node:fs";
import * as path from "node:path";

import { type Document, isMap, isScalar, parseDocument, Scalar, YAMLSeq } from "yaml";

import { ShipError } from "../components/shared/errors";
import { type Stack, stacks } from "./answers";

/** A stack's file, as it is and as it is to be. */
export interface StackFile {
  readonly stack: Stack;
  /** `Pulumi.prod.yaml` */
  readonly name: string;
  readonly file: string;
  readonly text: string;
  /** Its settings as the engine hands them to the program; of encrypted ones the name alone. */
  readonly config: Readonly<Record<string, string>>;
  /** Settings that are encrypted. */
  readonly secrets: ReadonlySet<string>;
}

/** Writing without padding and without breaking lines: as the committed files are written. */
const style = { lineWidth: 0, flowCollectionPadding: false } as const;
/** Words of a comment that are true of the example alone. */
const ofExample = / This range belongs to nobody\./;

/**
 * Reads the files of staging and production.
 * @throws ShipError SETTINGS_INVALID if one is not there, or is no stack's file
 */
export function readStackFiles(root: string): StackFile[] {
  return stacks.map((stack) => {
    const name = `Pulumi.${stack}.yaml`;
    const file = path.join(root, name);
    if (!fs.existsSync(file)) {
      throw unreadable(name, "no such file", `git checkout -- ${name}, or take it from the project's repository`);
    }
    const text = fs.readFileSync(file, "utf8");
    return { stack, name, file, text, ...settingsIn(documentOf(name, text)) };
  });
}

/**
 * Changes settings in a file's text. Comments, the order and all other settings stay as they are.
 * @param values as the file has them: text, or a list
 */
export function withSettings(
  { name, text }: Pick<StackFile, "name" | "text">,
  values: Readonly<Record<string, string | readonly string[]>>,
): string {
  const document = documentOf(name, text);
  const before = settingsIn(document).config;
  for (const [key, value] of Object.entries(values)) {
    if (before[key] === (typeof value === "string" ? value : JSON.stringify(value))) continue;
    document.setIn(["config", key], typeof value === "string" ? value : flowList(value));
    forgetExample(document, key);
  }
  return document.toString(style);
}

/** Settings of a file's text: texts as they are, all else as JSON. */
export function configIn(name: string, text: string): Pick<StackFile, "config" | "secrets"> {
  return settingsIn(documentOf(name, text));
}

/**
 * Writes a file whole or not at all.
 * @throws ShipError SETTINGS_INVALID if somebody has changed it since it was read
 */
export function replaceFile({ name, file, text }: StackFile, next: string): void {
  if (fs.readFileSync(file, "utf8") !== text) {
    throw unreadable(name, "it was changed while the question was asked", "run the same command again");
  }
  // A link stays one: what it leads to is written.
  const place = fs.realpathSync(file);
  const partial = `${place}.${process.pid}.partial`;
  fs.writeFileSync(partial, next, { mode: fs.statSync(place).mode });
  fs.renameSync(partial, place);
}

function documentOf(name: string, text: string): Document {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined || !isMap(document.get("config"))) {
    const found = problem?.message.split("\n")[0] ?? "no settings below `config:`";
    throw unreadable(name, found, `correct it, or: git checkout -- ${name}`);
  }
  return document;
}

function settingsIn(document: Document): Pick<StackFile, "config" | "secrets"> {
  const { config } = document.toJS() as { config: Record<string, unknown> };
  const secret = (value: unknown) => typeof value === "object" && value !== null && "secure" in value;
  const entries = Object.entries(config);
  return {
    config: Object.fromEntries(
      entries.map(([key, value]) => [
        key,
        secret(value) ? "" : typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
    secrets: new Set(entries.filter(([, value]) => secret(value)).map(([key]) => key)),
  };
}

/** A list in one line, quoted as the committed ones are. */
function flowList(values: readonly string[]): YAMLSeq {
  const list = new YAMLSeq<Scalar>();
  list.flow = true;
  for (const value of values) {
    const item = new Scalar(value);
    item.type = "QUOTE_DOUBLE";
    list.add(item);
  }
  return list;
}

/** The document keeps the comment above a key with the key. */
function forgetExample(document: Document, key: string): void {
  const config = document.get("config");
  const keys = isMap(config) ? config.items.map((pair) => pair.key) : [];
  const node = keys.filter((one) => isScalar(one)).find(({ value }) => value === key);
  if (typeof node?.commentBefore === "string") node.commentBefore = node.commentBefore.replace(ofExample, "");
}

function unreadable(name: string, found: string, remedy: string): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: `${name} cannot be filled in; nothing was written`,
    found,
    expected: "the stack's file as the project has it, in YAML, with settings below `config:`",
    remedy,
  });
}
