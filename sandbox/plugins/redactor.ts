/** Replaces secret texts. Very short ones would tear holes into every line and are no secrets that hold. */
export function redactor(secrets: readonly string[]): (line: string) => string {
  const long = [...new Set(secrets.flatMap((item) => [item, ...item.split("\n")]).filter((item) => item.length >= 4))];
  long.sort((one, other) => other.length - one.length);
  return (line) => long.reduce((text, item) => text.replaceAll(item, "[secret]"), line);
}
