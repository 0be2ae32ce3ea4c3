import { printable } from "../components/shared/printable";
import type { Catalog, ListedRelease } from "./catalog";
import { moduleList, shortDigest } from "./words";

const heads = ["digest", "tag", "when", "serves", "restore point", "modules"];

/** Renders the list for a terminal, and below it what could not be read. */
export function releasesTable({ stack, releases, notRead }: Catalog): string {
  const rows = [heads, ...releases.map(cells)];
  const widths = heads.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [
    ...(releases.length === 0 ? [`no release of the stack ${stack} is known`] : lines),
    ...notRead.map((text) => `not read  ${printable(text)}`),
  ].join("\n");
}

function cells(release: ListedRelease): string[] {
  const { digest, tags, when, serves, served, points, modules, inRegistry } = release;
  const place = serves.length > 0 ? serves.join(", ") : served.length > 0 ? `once: ${served.join(", ")}` : "never";
  return [
    shortDigest(digest),
    tags[0] ?? (inRegistry === null ? "not known" : inRegistry ? "none" : "not in the registry"),
    printable(when.slice(0, 16).replace("T", " ")) || "not known",
    place,
    points[0] === undefined ? "none" : points[0].id + (points.length > 1 ? ` and ${points.length - 1} more` : ""),
    modules === null ? "not known" : moduleList(modules),
  ];
}
