import { printable } from "../components/shared/printable";
import type { Catalog, ListedRelease } from "./catalog";
import { duration, moduleList, shortDigest } from "./words";

const heads = ["digest", "tag", "when", "serves", "gates", "door", "restore point"];
/** Letters of a terminal's line, for what is cut to fit. */
const width = 120;

/** Renders the list for a terminal, a release in two lines, and below it what could not be read. */
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
    ...(releases.length === 0
      ? [`no release of the stack ${stack} is known`]
      : lines.flatMap((text, at) => [text, ...releases.slice(at - 1, at).map(content)])),
    ...notRead.map((text) => `not read  ${printable(text)}`),
  ].join("\n");
}

function cells(release: ListedRelease): string[] {
  const { digest, tags, when, serves, served, gates, door, points, inRegistry } = release;
  const place = serves.length > 0 ? serves.join(", ") : served.length > 0 ? `once: ${served.join(", ")}` : "never";
  const longest = Math.max(...door.map(({ seconds }) => seconds ?? -1));
  return [
    shortDigest(digest),
    tags[0] ?? (inRegistry === null ? "not known" : inRegistry ? "none" : "not in the registry"),
    printable(when.slice(0, 16).replace("T", " ")) || "not known",
    place,
    gates.outcome === null ? "not known" : gates.outcome === "incomplete" ? "in part" : gates.outcome,
    longest < 0 ? "none" : duration(longest).replace("minutes", "min"),
    points[0] === undefined ? "none" : points[0].id + (points.length > 1 ? ` +${points.length - 1}` : ""),
  ];
}

/** Says who has written a release, and what is in it: as many of its modules as a line has room for. */
function content({ author, modules }: ListedRelease): string {
  const head = `  by ${printable(author).slice(0, 40) || "an unknown author"}, modules: `;
  return head + (modules === null ? "not known" : moduleList(modules, width - head.length));
}
