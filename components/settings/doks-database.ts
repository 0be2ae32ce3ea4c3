import { z } from "zod";

import { key, whole } from "./key";
import { containerCpus, containerMemory } from "./site";

/** Settings of the Kubernetes target's database: in the namespace, or DigitalOcean's. */
export const doksDatabaseKeys = {
  "doks:databaseMode": key(
    "text",
    z.enum(["cluster", "managed"]).default("cluster"),
    "`cluster` or `managed`",
    "`cluster`: PostgreSQL runs in the namespace, on a volume. `managed`: DigitalOcean's, by TLS.",
  ),
  "doks:databaseGiB": key(
    "data",
    whole(1, 16384).default(20),
    "GiB, 1 to 16384",
    "Volume of PostgreSQL in the cluster; restore points are in it too. It can be enlarged, not reduced.",
  ),
  "doks:databaseMemoryMiB": key(
    "data",
    containerMemory(320).default(1024),
    "MiB, 320 or more",
    "Memory limit of PostgreSQL in the cluster.",
  ),
  "doks:databaseCpus": key(
    "data",
    containerCpus.default(2),
    "a number",
    "Processor limit of PostgreSQL in the cluster.",
  ),
  "doks:databaseSize": key(
    "text",
    z
      .string()
      .regex(/^(db|gd|so1_5|m)-[a-z0-9.-]*\d+gb[a-z0-9.-]*$/, "is not a size such as db-s-2vcpu-4gb")
      .default("db-s-2vcpu-4gb"),
    "a size such as `db-s-2vcpu-4gb`",
    "Size of a managed database. Its memory decides how many connections it takes.",
  ),
  "doks:databaseVersion": key(
    "text",
    z
      .string()
      .regex(/^1[5-8]$/, "is not a major version from 15 to 18")
      .default("17"),
    "`15` to `18`",
    "PostgreSQL of a managed database.",
  ),
  "doks:databaseNodes": key(
    "data",
    whole(1, 3).default(1),
    "1 to 3",
    "Nodes of a managed database; the others stand by.",
  ),
  "doks:databaseStorageGiB": key(
    "data",
    whole(0, 16384).default(0),
    "GiB, or 0",
    "Storage of a managed database. 0: what its size brings. It can be enlarged, not reduced.",
  ),
  "doks:databaseConnections": key(
    "data",
    z.union([z.literal(0), whole(20, 10_000)], "is neither 0 nor 20 to 10000").default(0),
    "20 to 10000, or 0",
    "Connections that PostgreSQL takes. 0: as many as are needed in the cluster, and what the size of a managed " +
      "database allows.",
  ),
  "doks:dbMaxconn": key(
    "data",
    z.union([z.literal(0), whole(2, 1000)], "is neither 0 nor 2 to 1000").default(0),
    "2 to 1000, or 0",
    "Connections that each process of Odoo may open. 0: 16, or as many as the database has room for.",
  ),
} as const;
