import { code } from "../gates/report/markdown";
import type { BakedModules } from "../releases/images";
import { printable } from "../components/shared/printable";
import { isShowable } from "./noise";

const mostNamed = 6;

/** Joins the first few of a list, and counts the rest. */
export function few(texts: readonly string[], between = ", "): string {
  const rest = texts.length - mostNamed;
  return texts.slice(0, mostNamed).join(between) + (rest > 0 ? ` and ${rest} more` : "");
}

/** The same after a word; nothing if there are none. */
export function named(word: string, texts: readonly string[]): string {
  return texts.length === 0 ? "" : `${word} ${few(texts)}`;
}

/** Says of each module whose files differ what becomes of its version; its content is named by a hash. */
export function modulesOf(from: BakedModules = {}, to: BakedModules = {}): string[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names.flatMap((name) => {
    const [old, next] = [from[name], to[name]];
    if (old?.hash === next?.hash) return [];
    if (old === undefined) return [`${code(`${name} ${next?.version ?? ""}`)} is new`];
    if (next === undefined) return [`${code(`${name} ${old.version}`)} is gone`];
    const versions = old.version === next.version ? "same version" : `to ${code(next.version)}`;
    const hashes = `content ${code(old.hash.slice(0, 8))} → ${code(next.hash.slice(0, 8))}`;
    return [`${code(`${name} ${old.version}`)} ${versions}, ${hashes}`];
  });
}

type Texts = Readonly<Record<string, string>>;

/** Says what becomes of named texts, such as settings. A value that may not be shown is only said to differ. */
export function textChange(from: Texts, to: Texts): string[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names
    .filter((name) => from[name] !== to[name])
    .map((name) => {
      const values = [from[name], to[name]].map(shownValue);
      return values.includes(undefined)
        ? `${code(name)} (another value)`
        : `${code(name)} ${values[0] ?? ""} → ${values[1] ?? ""}`;
    });
}

function shownValue(value: string | undefined): string | undefined {
  if (value === undefined) return "not set";
  if (value === "") return "empty";
  const plain = value.replaceAll(/["[\]{},=<>~!+@]/g, " ").trim();
  return value.length <= 80 && isShowable(plain === "" ? "none" : plain) ? code(printable(value)) : undefined;
}

/** A list that is folded away under a title; nothing of an empty one. */
export function foldedList(title: string, lines: readonly string[], most: number): string[] {
  if (lines.length === 0) return [];
  const rest = lines.length - most;
  const more = rest > 0 ? [`- and ${rest} more: ${code("pulumi preview --diff")}`] : [];
  const summary = `<details><summary>${title} (${lines.length})</summary>`;
  return ["", summary, "", ...lines.slice(0, most), ...more, "", "</details>"];
}
