// Which lanes of the end-to-end tests run beside each other. A lane is
//   files    what it runs
//   heavy    whether it keeps a core busy: two of them are enough for two cores, and a third waits for its turn longer
//   alone    whether nothing else may run then
//   changes  names of what it shares with others and changes
//   uses     names of what it shares with others and needs as it is

const places = 3;
const heavyPlaces = 2;

/** Those of the waiting lanes that may begin now, beside those that run. Both are in the order of the list. */
export function toBegin(waiting, running) {
  const begun = [];
  for (const [index, lane] of waiting.entries()) {
    const beside = [...running, ...begun];
    const heavy = beside.filter((one) => one.heavy).length;
    if (beside.length === places) break;
    if (lane.heavy && heavy === heavyPlaces) continue;
    // Of two that cannot run beside each other the one that is listed first goes first.
    if ([...running, ...waiting.slice(0, index)].some((one) => meet(one, lane))) continue;
    begun.push(lane);
  }
  return begun;
}

function meet(one, other) {
  return one.alone || other.alone || disturbs(one, other) || disturbs(other, one);
}

function disturbs({ changes = [] }, { changes: changed = [], uses = [] }) {
  return changes.some((what) => changed.includes(what) || uses.includes(what));
}
