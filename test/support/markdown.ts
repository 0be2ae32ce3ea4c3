/** A link of a page, `[text](target)`, with the line that it is in. */
export interface Link {
  readonly target: string;
  readonly line: number;
}

/** The page without its code blocks; lines keep their numbers. */
export function prose(text: string): string {
  let inside = false;
  return text
    .split("\n")
    .map((line) => {
      const fence = /^\s*```/.test(line);
      inside = fence ? !inside : inside;
      return fence || inside ? "" : line;
    })
    .join("\n");
}

/** All links and pictures of a page. */
export function linksOf(text: string): Link[] {
  return prose(text)
    .split("\n")
    .flatMap((line, at) =>
      [...line.replaceAll(/`[^`]*`/g, "code").matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({
        target: match[1] ?? "",
        line: at + 1,
      })),
    );
}

/** Headings of a page as they read, without marks. */
export function headingsOf(text: string): string[] {
  return [...prose(text).matchAll(/^#{1,6} (.+)$/gm)].map((match) => plain(match[1] ?? ""));
}

/** Anchors that GitHub gives the headings of a page. */
export function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  return new Set(
    headingsOf(text).map((heading) => {
      const slug = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(/\s/g, "-");
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

/** Cells of every table row of a page, marks included; without headings and rules. */
export function rowsOf(text: string): string[][] {
  return prose(text)
    .split("\n")
    .filter((line) => /^\|(?! ---)/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** Sentences of a page: of paragraphs, list items and table cells. What stands in backquotes counts as one word. */
export function sentencesOf(text: string): string[] {
  const blocks = prose(text)
    .replaceAll(/^(\s*)([-*]|\d+\.) /gm, "\n$1")
    .replaceAll(/^#.*$/gm, "\n")
    .replaceAll(/^\|.*$/gm, (row) => `\n${row.split(/(?<!\\)\|/).join("\n\n")}\n`)
    .split(/\n\s*\n/);
  return blocks
    .flatMap((block) => plain(block.replaceAll(/`[^`]*`/g, "code")).split(/(?<=[.!?:])[)"*]*\s+/))
    .map((sentence) => sentence.replaceAll(/\s+/g, " ").trim())
    .filter((sentence) => sentence !== "");
}

function plain(text: string): string {
  return text
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[`*]/g, "")
    .trim();
}

/** Blocks of commands that a page says are tried, by the name after `tried:` in their first line. */
export function triedBlocks(text: string): Map<string, string> {
  const blocks = text.matchAll(/^( *)```sh tried: (\S+)\n([^]*?)^ *```$/gm);
  const found = [...blocks].map(([, indent = "", name = "", lines = ""]) => [
    name,
    lines.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  ]);
  return new Map(found as [string, string][]);
}
