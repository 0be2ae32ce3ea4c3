/** GitHub takes 65,536 characters. */
const mostCharacters = 60_000;
const mostLines = 400;
/** Keeps GitHub from seeing a name, a number of an issue or an address in what stands on both sides of it. */
const gap = "\u200b";

const fold = /^(<details><summary>[\w ()-]{1,60}<\/summary>|<\/details>)$/;

/**
 * Makes a text harmless that the code of a pull request wrote, and that a program with rights is about to post: no
 * mention, no link, no picture, no table, no HTML but the fold, and an end. What stands in `code` stays as it is, but
 * for what separates cells: a table is cut into cells before its code is looked for.
 */
export function harmless(text: string): string {
  const lines = text.slice(0, mostCharacters).split(/\r?\n/);
  const safe = lines.slice(0, mostLines).map((line) => {
    const shown = line.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "");
    // HTML goes on to the next empty line, and has no code in it.
    return fold.test(shown)
      ? `\n${shown}\n`
      : shown
          .split(/(`[^`]+`)/)
          .map(plainPart)
          .join("");
  });
  const begun = (tag: string) => safe.filter((line) => line.trimStart().startsWith(tag)).length;
  const open = begun("<details>") - begun("</details>");
  const cut = text.length > mostCharacters || lines.length > mostLines;
  return [
    safe.join("\n").replaceAll(/\n{3,}/g, "\n\n"),
    ...Array.from({ length: Math.max(0, open) }, () => "\n</details>"),
    ...(cut ? ["", "*The rest was left out: it is too long for a comment.*"] : []),
  ].join("\n");
}

/** Every second part is code. A backslash before one would open it: it is one itself. */
function plainPart(part: string, at: number): string {
  if (at % 2 === 1) return part.replaceAll("|", "¦");
  return part
    .replaceAll("`", "'")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(/[\\[~$|]/g, "\\$&")
    .replaceAll("@", `@${gap}`)
    .replaceAll(/#(?=\w)/g, `#${gap}`)
    .replaceAll(/\b(gh-)(?=\d)/gi, `$1${gap}`)
    .replaceAll("://", `:${gap}//`)
    .replaceAll(/www\./gi, `www${gap}.`);
}
