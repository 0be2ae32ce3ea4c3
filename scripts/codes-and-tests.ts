import * as fs from "node:fs";
import * as path from "node:path";

import ts from "typescript";

import { procedure } from "../gates/procedure";

/** A cause that a test plants, and the code that it expects. */
export interface PlantedCause {
  readonly code: string;
  /** In the words of the test. */
  readonly cause: string;
  /** Path of the test. */
  readonly file: string;
}

const codes = Object.keys(procedure) as (keyof typeof procedure)[];

/** All tests of the product, by their paths. */
export function readTests(root: string): Record<string, string> {
  const files = fs.globSync("test/**/*.{ts,py}", { cwd: root }).sort();
  return Object.fromEntries(files.map((file) => [file, fs.readFileSync(path.join(root, file), "utf8")]));
}

/** Makes docs/codes-and-tests.md of the tests, by their paths. */
export function codesPage(tests: Readonly<Record<string, string>>): string {
  const planted = Object.entries(tests).flatMap(([file, text]) => causesIn(file, text));
  return [
    "# Codes and their tests",
    "",
    "Generated from `test/` by `npm run docs`; do not edit.",
    "",
    "For each code of the [procedure](SOP-BUILD-001.md): what tests do to provoke it, in their own words. A test",
    "counts where it expects the code: as `code` of a row with what it plants, as a regular expression in a test or",
    "in a row that begins with words, or in Python as the code of what was raised. One that only names a code does",
    "not.",
    "",
    "| code | planted cause | test |",
    "| --- | --- | --- |",
    ...codes.flatMap((code) => {
      const rows = rowsOf(planted.filter((one) => one.code === code));
      return (rows.length > 0 ? rows : [noTest(code)]).map((row) => `| ${code} | ${row} |`);
    }),
    "",
  ].join("\n");
}

/** A row for each file: its first cause, and how many others it has. */
function rowsOf(causes: readonly PlantedCause[]): string[] {
  const files = [...new Set(causes.map(({ file }) => file))].sort();
  return files.map((file) => {
    const words = [...new Set(causes.filter((one) => one.file === file).map(({ cause }) => cause))];
    const others = words.length > 1 ? ` (and ${words.length - 1} more)` : "";
    return `${(words[0] ?? "").replaceAll("|", "\\|").replaceAll("<", "&lt;")}${others} | \`${file}\``;
  });
}

function noTest(code: keyof typeof procedure): string {
  const beside = procedure[code];
  const nobody = typeof beside === "object" && beside.by === "nothing";
  return nobody ? "raised by nothing: the procedure says why | " : "no test yet | ";
}

/** Causes that a test plants for codes of the procedure. */
export function causesIn(file: string, text: string): PlantedCause[] {
  if (!codes.some((code) => text.includes(code))) return [];
  const found = file.endsWith(".py") ? inPython(text) : inTypeScript(text);
  return found.map(([code, cause]) => ({ code, cause, file }));
}

type Found = readonly [code: string, cause: string];

/** `def test_…` with a line that compares the code of an exception, or of what was told, with a code. */
function inPython(text: string): Found[] {
  return text.split(/^ +def (?=test_)/m).flatMap((block) => {
    const [, name] = /^test_(\w+)/.exec(block) ?? [];
    const compared = [...block.matchAll(/assertEqual\([^\n]*\bcode\b[^\n]*"([A-Z_]+)"\)/g)];
    return name === undefined ? [] : known(compared.map(([, code = ""]) => [code, name.replaceAll("_", " ")]));
  });
}

/** Where the walk through a test is: in which groups of tests, in which test, in which row. */
interface Place {
  readonly groups: readonly string[];
  readonly test?: string;
  readonly row?: string;
}

function inTypeScript(text: string): Found[] {
  const source = ts.createSourceFile("test.ts", text, ts.ScriptTarget.Latest);
  const found: Found[] = [];
  const visit = (node: ts.Node, place: Place): void => {
    const here = placeOf(node, place, source);
    const { groups, test, row } = here;
    const cause = row === undefined ? [...groups, test].join(" ") : [groups.join(" "), row].filter(Boolean).join(": ");
    if (ts.isRegularExpressionLiteral(node) && (test ?? row) !== undefined) {
      for (const code of codes) if (new RegExp(`\\b${code}\\b`).test(node.text)) found.push([code, cause]);
    }
    if (ts.isPropertyAssignment(node) && node.name.getText(source) === "code" && row !== undefined) {
      if (ts.isStringLiteral(node.initializer)) found.push([node.initializer.text, cause]);
    }
    ts.forEachChild(node, (child) => visit(child, here));
  };
  visit(source, { groups: [] });
  return known(found);
}

/** A row begins with words, or has them as its field `what`. */
function placeOf(node: ts.Node, place: Place, source: ts.SourceFile): Place {
  const [title] = ts.isCallExpression(node) ? node.arguments : [];
  if (ts.isCallExpression(node) && title !== undefined && ts.isStringLiteralLike(title)) {
    const called = node.expression.getText(source);
    if (called === "describe" || called === "describeWhole") return { groups: [...place.groups, title.text] };
    if (called === "it" || called === "itWhole") return { groups: place.groups, test: title.text };
  }
  const fields = ts.isObjectLiteralExpression(node) ? node.properties.filter(ts.isPropertyAssignment) : [];
  const what = fields.find(({ name }) => name.getText(source) === "what")?.initializer;
  const row = wordsOf(ts.isArrayLiteralExpression(node) ? node.elements[0] : what);
  return row === undefined ? place : { ...place, row };
}

/** Words for a person: a code, or one word for a program, is none. */
function wordsOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteral(node) && node.text.includes(" ") ? node.text : undefined;
}

function known(found: readonly Found[]): Found[] {
  return found.filter(([code]) => code in procedure);
}
