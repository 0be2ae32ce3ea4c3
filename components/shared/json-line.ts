/**
 * Returns the last line of a text that is a JSON object, or the text itself: lines before it are of a login shell,
 * which on some hosts greets everybody.
 */
export function jsonLine(text: string): string {
  return [...text.matchAll(/^\{.*\}$/gm)].at(-1)?.[0] ?? text;
}
