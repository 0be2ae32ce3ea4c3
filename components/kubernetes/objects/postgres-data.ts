import { postgresPort } from "./names";

/** Files beside PostgreSQL's data directory, on its volume. */
const made = "text-order";
const setAside = "set-aside";

/**
 * Renders what refuses an image.
 * @param remedy beginning of what an operator is to do
 */
const refusal = (remedy: string) => `refuse() {
  printf '%s\\n' "POSTGRES_MISMATCH: $1" "  found:    $2" "  expected: $3" \\
    "  remedy:   ${remedy}; $4" >&2
  exit 1
}
`;

/** What the image says of itself. */
const ofImage = `major=$(postgres --version | sed 's/[^0-9]*\\([0-9]*\\).*/\\1/')
order=$(ldd --version 2>/dev/null | sed -n '1s/.* //p')
order=\${order:-unknown}
`;

const noMajor = `refuse "the PostgreSQL image does not fit the data" "data of PostgreSQL $older, an image of $major" \\
      "the same major version" 'docs/doks.md, "Another PostgreSQL", tells how it is changed'`;

/** @param noted the order of the data, as a shell writes it */
const noOrder = (noted: string) => `refuse "the PostgreSQL image sorts text differently than the one before it" \\
      "data with text in the order of C library ${noted}, an image with $order" \\
      "the same version: a text index in another order finds less than there is" \\
      'a tag such as 17-bookworm stays with one; docs/doks.md, "Another PostgreSQL", tells how it is changed'`;

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

${refusal("set the older image again and update (then delete this pod, if it does not go by itself)")}
${ofImage}
if [ -s "$data/PG_VERSION" ]; then
  older=$(cat "$data/PG_VERSION")
  if [ "$older" -lt "$major" ] && [ -e "$aside" ] && [ ! -e "$data-$older" ]; then
    # First: an order that outlives what it was for would be carried out years later.
    rm -f "$made" "$aside"
    mv "$data" "$data-$older"
    echo "the data of PostgreSQL $older are in $data-$older now"
  elif [ "$older" != "$major" ]; then
    ${noMajor}
  elif [ -s "$made" ] && [ "$(cat "$made")" != "$order" ]; then
    ${noOrder('$(cat "$made")')}
  fi
fi
printf '%s\\n' "$order" > "$made.new"
mv "$made.new" "$made"
`;
}

/** Tries to reach a server, a second apart: where its name is known, and where it is not. */
const tries = { known: 30, unknown: 3 } as const;

/**
 * Renders the program that looks the same up before the server of the earlier image ends, and changes nothing. It asks
 * that server: its volume may be attached to one node alone. Where none answers there is nobody to keep running, and
 * the pod looks by itself.
 * @param volume path of the volume in the server's container
 * @param host name of the server
 * @param passwordFile file with its superuser's password
 */
export function fitsServer(volume: string, host: string, passwordFile: string): string {
  const isThere = (path: string) => `(pg_stat_file('${path}', true)).modification IS NOT NULL`;
  const older = "(current_setting('server_version_num')::int / 10000)";
  const noted = `coalesce(nullif(btrim(pg_read_file('${volume}/${made}', 0, 100, true), E'\\n'), ''), 'none')`;
  // PostgreSQL writes t for true.
  const aside = `(${isThere(`${volume}/${setAside}`)} AND NOT (${isThere(`${volume}/pgdata-' || ${older} || '`)}))`;
  return `set -eu
${refusal("PostgreSQL runs on, and nothing was changed: set the older image again and update")}
${ofImage}
export PGCONNECT_TIMEOUT=10 PGOPTIONS="-c search_path=pg_catalog" PGPASSWORD="$(cat ${passwordFile})"
asked() {
  psql -XAtq -h ${host} -p ${postgresPort} -U postgres -d postgres \\
    -c "SELECT concat_ws(' ', ${older}, ${aside}, ${noted})" 2>&1
}

tried=0
until answer=$(asked); do
  tried=$((tried + 1))
  case $answer in
    *"Name or service not known"* | *"No address associated"* | *"does not resolve"*) limit=${tries.unknown} ;;
    *) limit=${tries.known} ;;
  esac
  if [ "$tried" -ge "$limit" ]; then
    echo "no PostgreSQL tells what it has, so its next pod looks by itself: $answer"
    exit 0
  fi
  sleep 1
done
set -- $answer
older=$1 aside=$2 noted=$3
if [ "$older" -lt "$major" ] && [ "$aside" = t ]; then
  echo "the data of PostgreSQL $older are to be set aside"
elif [ "$older" != "$major" ]; then
    ${noMajor}
elif [ "$noted" != none ] && [ "$noted" != "$order" ]; then
    ${noOrder("$noted")}
else
  echo "PostgreSQL $major fits the data"
fi
`;
}
