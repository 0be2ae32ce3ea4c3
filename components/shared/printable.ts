/** Makes a text safe for a terminal: what others wrote may hold characters that move the cursor or hide a word. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?").slice(0, 500);
}
