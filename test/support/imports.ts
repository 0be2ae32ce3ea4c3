import * as fs from "node:fs";
import * as path from "node:path";

import * as ts from "typescript";

/** What a TypeScript file imports: also types, what it passes on, and what it loads later by `import()` or `require()`. */
export interface Imports {
  /** Paths in the repository, without their ending. */
  readonly files: readonly string[];
  /** Names of packages; Node's own modules are left out. */
  readonly packages: readonly string[];
}

/** @param file path in the folder `root` */
export function importsOf(root: string, file: string): Imports {
  const { importedFiles } = ts.preProcessFile(fs.readFileSync(path.join(root, file), "utf8"), true, true);
  const names = importedFiles.map(({ fileName }) => fileName);
  return {
    files: names.filter((name) => name.startsWith(".")).map((name) => path.posix.join(path.posix.dirname(file), name)),
    packages: names
      .filter((name) => !/^(\.|node:)/.test(name))
      .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name),
  };
}

/** Which folders each folder imports from; itself is left out. */
export type Arrows = ReadonlyMap<string, ReadonlySet<string>>;

/** The arrows between the folders of these files. */
export function folderArrows(root: string, files: readonly string[]): Arrows {
  const folders = new Set(files.map((file) => path.posix.dirname(file)));
  const arrows = new Map([...folders].map((folder) => [folder, new Set<string>()]));
  for (const file of files) {
    const from = path.posix.dirname(file);
    for (const to of importsOf(root, file).files.map((imported) => path.posix.dirname(imported))) {
      if (to !== from && folders.has(to)) arrows.get(from)?.add(to);
    }
  }
  return arrows;
}

/** A way along the arrows that comes back to where it began, such as `["a", "b", "a"]`; `undefined`: there is none. */
export function findCircle(arrows: Arrows): string[] | undefined {
  const done = new Set<string>();
  const walk = (folder: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(folder)) return [...way.slice(way.indexOf(folder)), folder];
    if (done.has(folder)) return undefined;
    for (const next of arrows.get(folder) ?? []) {
      const circle = walk(next, [...way, folder]);
      if (circle !== undefined) return circle;
    }
    done.add(folder);
    return undefined;
  };
  for (const folder of arrows.keys()) {
    const circle = walk(folder, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
