import { createHash } from "node:crypto";
import { regionSlugs } from "./catalog";
import { notFound } from "./errors";
import { page } from "./pages";
import type { Context, Route } from "./router";
import type { Droplet, State } from "./state";

/** Every region's default network. Others cannot be made here: the machines are all in one network of Docker's. */
export function vpcRoutes({ store }: Context): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/v2/vpcs",
      handle: (call) =>
        page(
          call,
          "vpcs",
          regionSlugs.map((region) => defaultVpc(store.state, region)),
        ),
    },
    { method: "GET", path: "/v2/vpcs/:id", handle: (call) => ({ status: 200, body: { vpc: find(store.state, call.param("id")) } }) },
    {
      method: "GET",
      path: "/v2/vpcs/:id/members",
      handle: (call) => {
        const { region } = find(store.state, call.param("id"));
        return page(call, "members", store.state.droplets.filter((droplet) => droplet.region === region).map(member));
      },
    },
  ];
}

/** The default network of a region, by an id that depends on the account and the region only. */
export function defaultVpc(state: Readonly<State>, region: string) {
  const hash = createHash("sha256").update(`${state.account.uuid} ${region}`).digest("hex");
  const id = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
  return {
    id,
    urn: `do:vpc:${id}`,
    name: `default-${region}`,
    description: "",
    region,
    ip_range: "198.18.77.0/24",
    default: true,
    created_at: state.projects[0]?.created_at ?? "1970-01-01T00:00:00Z",
  };
}

function find(state: Readonly<State>, id: string) {
  const found = regionSlugs.map((region) => defaultVpc(state, region)).find((vpc) => vpc.id === id);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

function member(droplet: Droplet) {
  return { urn: `do:droplet:${droplet.id}`, name: droplet.name, created_at: droplet.created_at };
}
