/** Files beside PostgreSQL's data directory, on its volume. */
const made = "text-order";
const setAside = "set-aside";

/**
 * Renders the program that looks whether an image of PostgreSQL fits the data before its server starts on them. Another
 * major does not start; another C library sorts text differently than the indexes have it, of which nobody hears.
 *
 * The version of the C library is what PostgreSQL calls the version of its text order. It is noted at the first start,
 * since only a server could say what the data were made with. Data that have no note yet get one.
 *
 * A person who has a dump may order the data of an older major aside. They are moved, never deleted.
 * @param volume path of the volume, whose folder `pgdata` has the data
 */
export function fitsData(volume: string): string {
  return `set -eu
data=${volume}/pgdata made=${volume}/${made} aside=${volume}/${setAside}

refuse() {
  printf '%s\\n' "POSTGRES_MISMATCH: $1" "  found:    $2" "  expected: $3" \\
    "  remedy:   set the older image again and update (then delete this pod, if it does not go by itself); $4" >&2
  exit 1
}

major=$(postgres --version | sed 's/[^0-9]*\\([0-9]*\\).*/\\1/')
order=$(ldd --version 2>/dev/null | sed -n '1s/.* //p')
order=\${order:-unknown}

if [ -s "$data/PG_VERSION" ]; then
  older=$(cat "$data/PG_VERSION")
  if [ "$older" -lt "$major" ] && [ -e "$aside" ] && [ ! -e "$data-$older" ]; then
    # First: an order that outlives what it was for would be carried out years later.
    rm -f "$made" "$aside"
    mv "$data" "$data-$older"
    echo "the data of PostgreSQL $older are in $data-$older now"
  elif [ "$older" != "$major" ]; then
    refuse "the PostgreSQL image does not fit the data" "data of PostgreSQL $older, an image of $major" \\
      "the same major version" 'docs/doks.md, "Another PostgreSQL", tells how it is changed'
  elif [ -s "$made" ] && [ "$(cat "$made")" != "$order" ]; then
    refuse "the PostgreSQL image sorts text differently than the one before it" \\
      "data with text in the order of C library $(cat "$made"), an image with $order" \\
      "the same version: a text index in another order finds less than there is" \\
      'a tag such as 17-bookworm stays with one; docs/doks.md, "Another PostgreSQL", tells how it is changed'
  fi
fi
printf '%s\\n' "$order" > "$made.new"
mv "$made.new" "$made"
`;
}
