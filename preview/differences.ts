import { hasHash, unknown } from "./noise";
import type { PreviewedResource, Snapshot } from "./snapshot";

/** One place in a resource's inputs; undefined on the side that has no such place. */
export interface ChangedPlace {
  readonly place: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** What becomes of a resource, beside what the target branch alone makes of it. */
export interface Difference {
  readonly kind: "added" | "changed" | "replaced" | "removed";
  readonly name: string;
  readonly type: string;
  readonly places: readonly ChangedPlace[];
}

/**
 * Resources that differ between the previews of two branches, in the order of their names. A value that only an update
 * will tell is no difference: what it follows from is.
 */
export function differences(base: Snapshot, head: Snapshot): Difference[] {
  const [before, after] = [byUrn(base), byUrn(head)];
  const urns = [...new Set([...before.keys(), ...after.keys()])];
  return urns
    .flatMap((urn) => difference(urn, before.get(urn), after.get(urn)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function byUrn({ resources }: Snapshot): Map<string, PreviewedResource> {
  // Logins that a month or a release brings are the same to everybody else.
  const lasting = resources.filter(({ type }) => !/Credentials?$/.test(type));
  return new Map(lasting.map((one) => [one.urn, one]));
}

function difference(urn: string, from: PreviewedResource | undefined, to: PreviewedResource | undefined): Difference[] {
  const one = { name: urn.split("::").at(-1) ?? urn, type: (to ?? from)?.type ?? "" };
  if (from === undefined) return [{ ...one, kind: "added", places: [] }];
  if (to === undefined) return [{ ...one, kind: "removed", places: [] }];
  const places = changedPlaces(from.inputs, to.inputs);
  const replaced = to.replaced && !from.replaced;
  return places.length > 0 || replaced ? [{ ...one, kind: replaced ? "replaced" : "changed", places }] : [];
}

type Inputs = PreviewedResource["inputs"];

function changedPlaces(from: Inputs, to: Inputs): ChangedPlace[] {
  const open = [from, to].flatMap((side) => Object.keys(side).filter((place) => side[place] === unknown));
  const isOpen = (place: string) => open.some((one) => one === place || place.startsWith(`${one}.`) || one === "");
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .filter((place) => from[place] !== to[place] && !isOpen(place))
    .sort()
    .map((place) => ({ place, from: from[place], to: to[place] }));
}

/** Whether nothing but hashes differs: what they are made of is told elsewhere. */
export function isHashesOnly({ kind, places }: Difference): boolean {
  return kind === "changed" && places.every(({ from = "", to = "" }) => hasHash(from) && hasHash(to));
}
