/** Content of a text; null of one that is not JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Content of the last line, by which a program answers after what else it has written; null if it is not JSON. */
export function jsonOfLastLine(text: string): unknown {
  return jsonOf(text.trim().split("\n").at(-1) ?? "");
}
