import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { networkRange } from "../config";
import { findRegion, regionSlugs } from "./catalog";
import { ApiError, conflict, notFound, unprocessable } from "./errors";
import { isNetwork, isPrivate, overlaps, parseRange, type Range } from "./ip-ranges";
import { page } from "./pages";
import type { Call, Context, Reply, Route } from "./router";
import type { State, Vpc } from "./state";

const name = z
  .string({ error: "is required" })
  .regex(/^[a-zA-Z0-9.-]+$/, "may only contain alphanumeric characters, dashes, and periods")
  .max(255, "is too long (maximum is 255 characters)");
const description = z.string().max(255, "is too long (maximum is 255 characters)");
const createBody = z.strictObject({
  name,
  region: z.string({ error: "is required" }),
  description: description.nullish(),
  ip_range: z.string().nullish(),
});
const updateBody = z.strictObject({ name, description: description.nullish(), default: z.boolean().nullish() });

/** A network as the API tells it. */
export interface VpcView extends Vpc {
  readonly urn: string;
  readonly default: boolean;
}

/** Where the sandbox's machines are, all in one network of Docker's. */

/**
 * Networks of an account: each region's default one, and those that are made. A range that is asked for is on paper. A
 * network without one has that of the machines: what a program allows by it reaches them.
 */
export function vpcRoutes({ store }: Context): readonly Route[] {
  const answer = (call: Call): Reply => ({ status: 200, body: { vpc: findVpc(store.state, call.param("id")) } });
  const update = (schema: z.ZodType<Partial<z.infer<typeof updateBody>>>) => (call: Call) => {
    const id = call.param("id");
    store.update((draft) => change(draft, id, call.body(schema)));
    return answer(call);
  };
  return [
    { method: "GET", path: "/v2/vpcs", handle: (call) => page(call, "vpcs", allVpcs(store.state)) },
    {
      method: "POST",
      path: "/v2/vpcs",
      handle: (call) => ({
        status: 201,
        body: { vpc: view(store.update((draft) => create(draft, call.body(createBody)))) },
      }),
    },
    { method: "GET", path: "/v2/vpcs/:id", handle: answer },
    { method: "PUT", path: "/v2/vpcs/:id", handle: update(updateBody) },
    { method: "PATCH", path: "/v2/vpcs/:id", handle: update(updateBody.partial()) },
    {
      method: "DELETE",
      path: "/v2/vpcs/:id",
      handle: (call) => {
        store.update((draft) => remove(draft, call.param("id")));
        return { status: 204 };
      },
    },
    {
      method: "GET",
      path: "/v2/vpcs/:id/members",
      handle: (call) => {
        const type = call.url.searchParams.get("resource_type");
        const members = membersOf(store.state, findVpc(store.state, call.param("id")));
        return page(
          call,
          "members",
          members.filter(({ urn }) => type === null || urn.startsWith(`do:${type}:`)),
        );
      },
    },
  ];
}

/** The default network of a region, by an id that depends on the account and the region only. */
export function defaultVpc(state: Readonly<State>, region: string): VpcView {
  const hash = createHash("sha256").update(`${state.account.uuid} ${region}`).digest("hex");
  const id = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
  return {
    id,
    urn: `do:vpc:${id}`,
    name: `default-${region}`,
    description: "",
    region,
    ip_range: networkRange,
    default: true,
    created_at: state.projects[0]?.created_at ?? "1970-01-01T00:00:00Z",
  };
}

/** The network that a new thing in this region goes to; none named is the region's default. */
export function vpcFor(state: Readonly<State>, wanted: string | null | undefined, region: string): VpcView {
  if ((wanted ?? "") === "") {
    return defaultVpc(state, region);
  }
  const found = allVpcs(state).find(({ id }) => id === wanted);
  if (found?.region !== region) {
    throw unprocessable(`VPC ${String(wanted)} could not be found in ${region}`);
  }
  return found;
}

function allVpcs(state: Readonly<State>): VpcView[] {
  return [...regionSlugs.map((region) => defaultVpc(state, region)), ...state.vpcs.map(view)];
}

function view(vpc: Vpc): VpcView {
  return { ...vpc, urn: `do:vpc:${vpc.id}`, default: false };
}

function findVpc(state: Readonly<State>, id: string): VpcView {
  const found = allVpcs(state).find((vpc) => vpc.id === id);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

function create(draft: State, wanted: z.infer<typeof createBody>): Vpc {
  if (findRegion(wanted.region) === undefined) {
    throw unprocessable("region is invalid");
  }
  refuseTakenName(draft, wanted.name);
  const ip_range = (wanted.ip_range ?? "") === "" ? networkRange : checkedRange(draft, wanted.ip_range ?? "");
  const { name, region, description } = wanted;
  const vpc: Vpc = {
    id: randomUUID(),
    name,
    description: description ?? "",
    region,
    ip_range,
    created_at: new Date().toISOString(),
  };
  draft.vpcs.push(vpc);
  return vpc;
}

function change(draft: State, id: string, wanted: Partial<z.infer<typeof updateBody>>): void {
  const { default: isDefault, region } = findVpc(draft, id);
  if ((wanted.default ?? isDefault) !== isDefault) {
    throw unprocessable(`default cannot be changed: the sandbox keeps default-${region}`);
  }
  const vpc = draft.vpcs.find((one) => one.id === id);
  if (vpc === undefined) {
    throw unprocessable("the sandbox keeps each region's default VPC as it is");
  }
  if (wanted.name !== undefined) {
    refuseTakenName(draft, wanted.name, id);
    vpc.name = wanted.name;
  }
  vpc.description = wanted.description ?? vpc.description;
}

function remove(draft: State, id: string): void {
  const vpc = findVpc(draft, id);
  if (vpc.default) {
    throw new ApiError(403, "forbidden", "Can not delete default VPCs");
  }
  if (membersOf(draft, vpc).length > 0) {
    throw conflict("Can not delete VPC with members");
  }
  draft.vpcs = draft.vpcs.filter((one) => one.id !== id);
}

function refuseTakenName(state: State, wanted: string, self?: string): void {
  if (allVpcs(state).some(({ name, id }) => name === wanted && id !== self)) {
    throw unprocessable("a VPC with this name already exists in your account");
  }
}

/** RFC 1918, from /16 to /28, and nobody else's. */
function checkedRange(state: State, text: string): string {
  const range = parseRange(text);
  if (range === undefined || !isNetwork(range)) {
    throw unprocessable(`ip_range must be a network in CIDR notation, got "${text}"`);
  }
  if (range.bits < 16 || range.bits > 28) {
    throw unprocessable("ip_range may not be larger than /16 nor smaller than /28");
  }
  if (!isPrivate(range)) {
    throw unprocessable("ip_range must be in the range of private addresses as defined in RFC1918");
  }
  if (isTaken(state, range)) {
    throw unprocessable(
      "This range/size overlaps with another VPC network in your account. Select a different range/size.",
    );
  }
  return text;
}

function isTaken(state: State, range: Range): boolean {
  return state.vpcs.some(({ ip_range }) => {
    const other = parseRange(ip_range);
    return other !== undefined && overlaps(other, range);
  });
}

/** What is in a network, and keeps it from being deleted. */
function membersOf(
  state: Readonly<State>,
  { id, region }: VpcView,
): readonly { urn: string; name: string; created_at: string }[] {
  const inside = (one: { readonly region: string; readonly vpc_uuid?: string | undefined }): boolean =>
    (one.vpc_uuid ?? defaultVpc(state, one.region).id) === id && one.region === region;
  const member =
    (kind: string) => (one: { readonly id: string | number; readonly name: string; readonly created_at: string }) => ({
      urn: `do:${kind}:${one.id}`,
      name: one.name,
      created_at: one.created_at,
    });
  return [
    ...state.droplets.filter(inside).map(member("droplet")),
    ...state.clusters.filter(inside).map(member("kubernetes")),
    ...state.databases.filter(({ private_network_uuid }) => private_network_uuid === id).map(member("dbaas")),
  ];
}
