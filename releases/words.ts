import { printable } from "../components/shared/printable";
import type { BakedModules, ReleasedImage } from "./images";

/** Shortens `sha256:` and 64 digits to 12 of them, which `--to` takes, too. */
export function shortDigest(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}

/** Names an image by its digest, and by its commit if that is known. */
export function nameOf(digest: string, image: ReleasedImage | undefined): string {
  const commit = image?.revision.slice(0, 12) ?? "";
  return digest + (commit === "" ? "" : ` (of commit ${printable(commit)})`);
}

/**
 * Lists modules with their versions: as many as there is room for, but one at least, and how many more there are.
 * @param room letters
 */
export function moduleList(modules: BakedModules, room: number): string {
  const all = Object.entries(modules).map(([name, { version }]) => printable(`${name} ${version}`));
  const first = (count: number) => {
    const rest = all.length - count;
    return all.slice(0, count).join(", ") + (rest === 0 ? "" : ` and ${rest} more`);
  };
  let count = 1;
  for (let more = 2; more <= all.length && first(more - 1).length <= room; more++) {
    if (first(more).length <= room) count = more;
  }
  return all.length === 0 ? "none" : first(count);
}

/** Says what becomes of each module whose content differs, and of those that one image alone has. */
export function moduleChanges(from: BakedModules, to: BakedModules): string[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names
    .filter((name) => from[name]?.hash !== to[name]?.hash)
    .map((name) => printable(moduleChange(name, from, to)));
}

/** Says what becomes of one module, with its versions as far as they are known. */
export function moduleChange(name: string, from: BakedModules = {}, to: BakedModules = {}): string {
  const [old, next] = [from[name], to[name]];
  if (old === undefined && next === undefined) {
    return name;
  }
  return `${name} ${old?.version ?? "(not there)"} → ${next?.version ?? "(not there)"}`;
}

/** `12 s`, `90 minutes`, `3 days`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 48 * 3600 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 86400)} days`;
}
