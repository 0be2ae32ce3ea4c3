import { escaped } from "./words";

/** A row of points, one for each update. Rows are told apart by their shapes, so that no colour is needed. */
export interface Row {
  readonly name: string;
  readonly shape: "disc" | "square";
  /** Undefined where an update has no such figure. */
  readonly values: readonly (number | undefined)[];
}

/** A level that a figure should keep below, or above. */
export interface Line {
  readonly at: number;
  readonly label: string;
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly Row[];
  readonly lines: readonly Line[];
  /** The axis shows at least this. */
  readonly least: { readonly from: number; readonly to: number };
  /** What stands below the first and the last point. */
  readonly ends: readonly [string, string];
  /** Updates that failed: their points are crosses. */
  readonly failed: readonly boolean[];
}

const size = { width: 360, height: 200 };
const plot = { left: 34, right: 350, top: 12, bottom: 176 };
const labelHeight = 11;
const dashes = ["6 3", "2 3", "8 2 2 2"];

/** Draws a chart as SVG that stands by itself in a page and needs no script. */
export function drawn(chart: Chart): string {
  const known = chart.rows.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const low = Math.min(chart.least.from, ...known);
  const high = Math.max(chart.least.to, ...known);
  const count = Math.max(1, ...chart.rows.map(({ values }) => values.length));
  const x = (at: number) =>
    rounded(count === 1 ? (plot.left + plot.right) / 2 : plot.left + ((plot.right - plot.left) * at) / (count - 1));
  const y = (value: number) => rounded(plot.bottom - ((plot.bottom - plot.top) * (value - low)) / (high - low));
  return [
    `<svg role="img" viewBox="0 0 ${size.width} ${size.height}" aria-label="${escaped(spoken(chart))}">`,
    `<path class="axis" d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}"/>`,
    ...[low, (low + high) / 2, high].map(
      (value) => `<text class="tick" x="${plot.left - 4}" y="${y(value) + 4}">${short(value)}</text>`,
    ),
    ...linesOf(chart.lines, y),
    ...chart.rows.flatMap((row) => rowOf(row, chart.failed, { x, y })),
    `<text x="${plot.left}" y="${size.height - 8}">${escaped(chart.ends[0])}</text>`,
    `<text class="end" x="${plot.right}" y="${size.height - 8}">${escaped(chart.ends[1])}</text>`,
    "</svg>",
  ].join("\n");
}

/** Labels that would lie on each other are moved up. */
function linesOf(lines: readonly Line[], y: (value: number) => number): string[] {
  let free = Infinity;
  return [...lines]
    .sort((a, b) => a.at - b.at)
    .map(({ at, label }, index) => {
      const place = Math.min(y(at) - 3, free);
      free = place - labelHeight;
      const dash = dashes[index % dashes.length] ?? "";
      return (
        `<path class="line" stroke-dasharray="${dash}" d="M${plot.left} ${y(at)}H${plot.right}"/>` +
        `<text class="end" x="${plot.right}" y="${rounded(place)}">${escaped(label)}</text>`
      );
    });
}

interface Places {
  x(at: number): number;
  y(value: number): number;
}

function rowOf({ shape, values }: Row, failed: readonly boolean[], { x, y }: Places): string[] {
  const points = values.flatMap((value, at) => (value === undefined ? [] : [{ at, x: x(at), y: y(value) }]));
  const way = points.map((point) => `${point.x} ${point.y}`).join("L");
  return [
    ...(points.length > 1 ? [`<path class="way" d="M${way}"/>`] : []),
    ...points.map((point) => (failed[point.at] === true ? cross(point) : marked(shape, point))),
  ];
}

function marked(shape: Row["shape"], { x, y }: { x: number; y: number }): string {
  return shape === "disc"
    ? `<circle cx="${x}" cy="${y}" r="2.5"/>`
    : `<rect x="${rounded(x - 2.5)}" y="${rounded(y - 2.5)}" width="5" height="5"/>`;
}

function cross({ x, y }: { x: number; y: number }): string {
  const [left, right, up, down] = [x - 4, x + 4, y - 4, y + 4].map(rounded);
  return `<path class="cross" d="M${left} ${up}L${right} ${down}M${left} ${down}L${right} ${up}"/>`;
}

/** The chart in one sentence, for who does not see it. */
function spoken({ title, unit, rows, lines }: Chart): string {
  const told = rows.map(({ name, values }) => {
    const last = values.findLast((value) => value !== undefined);
    return `${name}: ${last === undefined ? "not known" : `${short(last)} ${unit}`} at last`;
  });
  return [title, ...told, `Lines: ${lines.map(({ label }) => label).join(", ")}`].join(". ");
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
