/**
 * Which of the texts are in which of the places, in any spelling: {"place": ["name of the text", …]}.
 * @param texts long enough not to be met by chance
 */
export function findIn(
  places: Readonly<Record<string, string>>,
  texts: Readonly<Record<string, string>>,
): Record<string, string[]> {
  for (const [name, text] of Object.entries(texts))
    if (text.length < 12) throw new Error(`${name} is too short to be looked for`);
  const spelled = Object.entries(texts).map(([name, text]) => [name, spellings(text)] as const);
  return Object.fromEntries(
    Object.entries(places).map(([place, content]) => [
      place,
      spelled
        .filter(([, forms]) => forms.some((form) => content.includes(form)))
        .map(([name]) => name)
        .sort(),
    ]),
  );
}

/** The text itself, as JSON has it, and what base64 makes of it at each offset within a longer text. */
function spellings(text: string): string[] {
  const within = [0, 1, 2].map((offset) => {
    const whole = Buffer.from("x".repeat(offset) + text).toString("base64");
    return whole.slice(offset === 0 ? 0 : 4, -4);
  });
  return [text, JSON.stringify(text).slice(1, -1), ...within];
}
