import { faultSchema, type Faults } from "../support/faults";
import type { RequestLog } from "../support/request-log";
import type { Background } from "./background";
import type { Route } from "./router";

/** Prefix of the sandbox's own handles, which DigitalOcean does not have. Faults spare them and the log leaves them out. */
export const controlPrefix = "/_sandbox/";

/** Order, list and clear faults; read and clear the log of requests; see which clusters and databases are being worked on. */
export function controlRoutes(faults: Faults, log: RequestLog, background: Background): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/_sandbox/under-way",
      handle: () => ({ status: 200, body: { under_way: background.underWay() } }),
    },
    {
      method: "POST",
      path: "/_sandbox/faults",
      handle: (call) => {
        faults.add(call.body(faultSchema));
        return { status: 201, body: { faults: faults.list() } };
      },
    },
    { method: "GET", path: "/_sandbox/faults", handle: () => ({ status: 200, body: { faults: faults.list() } }) },
    {
      method: "DELETE",
      path: "/_sandbox/faults",
      handle: () => {
        faults.clear();
        return { status: 204 };
      },
    },
    { method: "GET", path: "/_sandbox/requests", handle: () => ({ status: 200, body: { requests: log.list() } }) },
    {
      method: "DELETE",
      path: "/_sandbox/requests",
      handle: () => {
        log.clear();
        return { status: 204 };
      },
    },
  ];
}
