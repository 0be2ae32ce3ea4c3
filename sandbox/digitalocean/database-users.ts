import { z } from "zod";
import type { Database } from "./database-state";
import { adminUser, findDatabase, firstDb, userView } from "./database-view";
import { conflict, notFound, unprocessable } from "./errors";
import { newPassword, requireOnline } from "./databases";
import type { Call, Context, Route } from "./router";

const name = z
  .string({ error: "is required" })
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/,
    "must be letters, digits, underscores, dots and hyphens, at most 63 characters",
  );
const userBody = z.object({ name });

/** Users of a managed database and the databases in it, as they are made through the API: what SQL makes is not listed. */
export function databaseUserRoutes({ store, databases }: Context): readonly Route[] {
  const path = "/v2/databases/:id";
  const one = (call: Call): Database => findDatabase(store.state, call.param("id"));
  const user = (call: Call) => {
    const found = one(call).users.find((known) => known.name === call.param("name"));
    if (found === undefined) {
      throw notFound("user not found");
    }
    return found;
  };
  const db = (call: Call): string => {
    if (!one(call).db_names.includes(call.param("name"))) {
      throw notFound("database not found");
    }
    return call.param("name");
  };
  const setPassword = async (id: string, of: string): Promise<string> => {
    const password = newPassword();
    await databases.turn(id, (machines) => machines.setUser(id, of, password));
    store.update((draft) => {
      const { users } = findDatabase(draft, id);
      const known = users.find((one) => one.name === of);
      if (known === undefined) {
        users.push({ name: of, password });
      } else {
        known.password = password;
      }
    });
    return password;
  };
  return [
    {
      method: "GET",
      path: `${path}/users`,
      handle: (call) => ({ status: 200, body: { users: one(call).users.map(userView) } }),
    },
    {
      method: "POST",
      path: `${path}/users`,
      handle: async (call) => {
        const { id, users } = requireOnline(one(call));
        const wanted = call.body(userBody).name;
        if (users.some((known) => known.name === wanted)) {
          throw conflict("user already exists");
        }
        if (wanted === "postgres" || wanted.startsWith("pg_") || wanted.startsWith("_do")) {
          throw unprocessable(`user name ${wanted} is reserved`);
        }
        const password = await setPassword(id, wanted);
        return { status: 201, body: { user: userView({ name: wanted, password }) } };
      },
    },
    {
      method: "GET",
      path: `${path}/users/:name`,
      handle: (call) => ({ status: 200, body: { user: userView(user(call)) } }),
    },
    {
      method: "DELETE",
      path: `${path}/users/:name`,
      handle: async (call) => {
        const { name: known } = user(call);
        const { id } = requireOnline(one(call));
        if (known === adminUser) {
          throw unprocessable(`user ${adminUser} cannot be deleted`);
        }
        await databases.turn(id, (machines) => machines.removeUser(id, known));
        store.update((draft) => {
          const database = findDatabase(draft, id);
          database.users = database.users.filter((other) => other.name !== known);
        });
        return { status: 204 };
      },
    },
    {
      method: "POST",
      path: `${path}/users/:name/reset_auth`,
      handle: async (call) => {
        const { name: known } = user(call);
        const password = await setPassword(requireOnline(one(call)).id, known);
        return { status: 200, body: { user: userView({ name: known, password }) } };
      },
    },
    {
      method: "GET",
      path: `${path}/dbs`,
      handle: (call) => ({ status: 200, body: { dbs: one(call).db_names.map((known) => ({ name: known })) } }),
    },
    {
      method: "POST",
      path: `${path}/dbs`,
      handle: async (call) => {
        const { id, db_names } = requireOnline(one(call));
        const wanted = call.body(userBody).name;
        if (db_names.includes(wanted)) {
          throw conflict("database name already exists");
        }
        await databases.turn(id, (machines) => machines.createDb(id, wanted));
        store.update((draft) => findDatabase(draft, id).db_names.push(wanted));
        return { status: 201, body: { db: { name: wanted } } };
      },
    },
    { method: "GET", path: `${path}/dbs/:name`, handle: (call) => ({ status: 200, body: { db: { name: db(call) } } }) },
    {
      method: "DELETE",
      path: `${path}/dbs/:name`,
      handle: async (call) => {
        const known = db(call);
        const { id } = requireOnline(one(call));
        if (known === firstDb) {
          throw unprocessable(`database ${firstDb} cannot be deleted`);
        }
        await databases.turn(id, (machines) => machines.removeDb(id, known));
        store.update((draft) => {
          const database = findDatabase(draft, id);
          database.db_names = database.db_names.filter((other) => other !== known);
        });
        return { status: 204 };
      },
    },
  ];
}
