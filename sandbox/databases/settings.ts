import type { DatabaseOrder } from "../digitalocean/database-machines";
import { reservedConnections } from "../digitalocean/database-options";

/** The database that is DigitalOcean's own. There is none called `postgres`. */
export const agentDb = "_dodb";

/** Makes an authority and a certificate for the address, once; both outlive the container. */
export function certificatesScript({ id, name }: Pick<DatabaseOrder, "id" | "name">, address: string): string {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  return `set -eu
umask 077
mkdir -p "$PGDATA/tls"
cd "$PGDATA/tls"
[ ! -e server.crt ] || exit 0
openssl req -x509 -days 3650 ${key} -subj "/CN=${id} Project CA" -keyout ca.key -out ca.crt
openssl req ${key} -subj "/CN=${name}" -addext "subjectAltName=IP:${address}" -keyout server.key -out server.csr
openssl x509 -req -days 3650 -in server.csr -CA ca.crt -CAkey ca.key -copy_extensions copy -out server.crt.new
mv server.crt.new server.crt
`;
}

/** Who may connect: only with TLS, only from the sources, and nobody as the superuser. */
export function hostAccess(sources: readonly string[] | undefined): string {
  const from = sources ?? ["0.0.0.0/0", "::/0"];
  return [
    "local all postgres trust",
    "host all postgres all reject",
    "host replication all all reject",
    ...from.map((source) => `hostssl all all ${source} scram-sha-256`),
    "",
  ].join("\n");
}

/** What a new database is given, once, in `template1`: its users and databases. The last one that is made says that it is done. */
export const firstStatements = `
SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = ${literal(agentDb)}) AS first \\gset
\\if :first
  SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'doadmin') AS missing \\gset
  \\if :missing
    CREATE ROLE doadmin LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS;
  \\endif
  SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = 'defaultdb') AS missing \\gset
  \\if :missing
    CREATE DATABASE defaultdb OWNER doadmin;
  \\endif
  DROP DATABASE IF EXISTS postgres;
  CREATE DATABASE ${agentDb};
\\endif
REVOKE CONNECT ON DATABASE ${agentDb} FROM PUBLIC;
`;

/** What holds from now on, as far as a reload brings it. */
export function settings({ maxConnections }: Pick<DatabaseOrder, "maxConnections">): string {
  const values: readonly (readonly [string, string])[] = [
    ["ssl", "on"],
    ["ssl_cert_file", "tls/server.crt"],
    ["ssl_key_file", "tls/server.key"],
    ["password_encryption", "scram-sha-256"],
    ["max_connections", String(maxConnections)],
    ["superuser_reserved_connections", String(reservedConnections)],
  ];
  return `${values.map(([name, value]) => `ALTER SYSTEM SET ${name} = ${literal(value)};`).join("\n")}\nSELECT pg_reload_conf();\n`;
}

/** Gives a user its password, and makes the user if there is none. */
export function userStatements(name: string, password: string): string {
  return `
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(name)}) AS missing \\gset
\\if :missing
  CREATE ROLE ${identifier(name)} LOGIN;
\\endif
ALTER ROLE ${identifier(name)} PASSWORD ${literal(password)};
`;
}

/** Makes a database that belongs to `doadmin`, if there is none of this name. */
export function dbStatements(name: string): string {
  return `
SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = ${literal(name)}) AS missing \\gset
\\if :missing
  CREATE DATABASE ${identifier(name)} OWNER doadmin;
\\endif
`;
}

/** A name in SQL. */
export function identifier(name: string): string {
  return `"${plain(name).replaceAll('"', '""')}"`;
}

/** A text in SQL. */
export function literal(text: string): string {
  return `'${plain(text).replaceAll("'", "''")}'`;
}

/** What psql would take for something else, or the server for more than one text, is refused. */
function plain(text: string): string {
  if (/[\0\\\r\n]/.test(text)) throw new Error("a name or text for SQL holds a backslash or the end of a line");
  return text;
}
