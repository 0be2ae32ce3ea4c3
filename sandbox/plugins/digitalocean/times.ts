/** A time as Go's `time.Time.String` writes it, which is what the official provider answers. */
export function goTime(timestamp: string): string {
  const iso = new Date(timestamp).toISOString();
  const fraction = iso.slice(19, -1).replace(/\.?0+$/, "");
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction} +0000 UTC`;
}

/** The same moment as RFC 3339 writes it, to the second. */
export function rfc3339(timestamp: string): string {
  return `${new Date(timestamp).toISOString().slice(0, 19)}Z`;
}
