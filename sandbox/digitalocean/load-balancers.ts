import { findRegion } from "./catalog";
import { notFound, unprocessable } from "./errors";
import { balancedServices, type BalancedService } from "./kubernetes-client";
import type { Cluster } from "./kubernetes-state";
import { page } from "./pages";
import type { Context, Route } from "./router";

/** Load balancers, as the clusters' services of that type bring them about. Others cannot be made, and these go with their service. */
export function loadBalancerRoutes({ store, clusters }: Context): readonly Route[] {
  const path = "/v2/load_balancers";
  const all = async () => {
    const running = store.state.clusters.filter(({ status }) => status.state === "running");
    const found = await Promise.all(
      running.map(async (cluster) => {
        try {
          const services = await balancedServices(await clusters.machines.clusterCredentials(cluster.id));
          return services.map((service) => view(cluster, service));
        } catch (error) {
          // A cluster that does not answer has no balancer that does.
          console.error(`DigitalOcean API, load balancers of cluster ${cluster.id}:`, error);
          return [];
        }
      }),
    );
    return found.flat();
  };
  const refuse = (): never => {
    throw unprocessable("the sandbox's load balancers belong to Kubernetes services: change the service");
  };
  return [
    { method: "GET", path, handle: async (call) => page(call, "load_balancers", await all()) },
    {
      method: "GET",
      path: `${path}/:id`,
      handle: async (call) => {
        const found = (await all()).find(({ id }) => id === call.param("id"));
        if (found === undefined) {
          throw notFound();
        }
        return { status: 200, body: { load_balancer: found } };
      },
    },
    { method: "POST", path, handle: refuse },
    { method: "PUT", path: `${path}/:id`, handle: refuse },
    { method: "DELETE", path: `${path}/:id`, handle: refuse },
  ];
}

/** The names that DigitalOcean's controller gives: `a` and the service's number without hyphens. */
function view(cluster: Cluster, { uid, created, address, ports }: BalancedService) {
  return {
    id: uid,
    name: `a${uid.replaceAll("-", "")}`,
    ip: address,
    status: "active",
    type: "REGIONAL",
    network: "EXTERNAL",
    size_unit: 1,
    region: findRegion(cluster.region) ?? null,
    vpc_uuid: cluster.vpc_uuid,
    created_at: created,
    forwarding_rules: ports.map(({ port, nodePort, protocol }) => ({
      entry_protocol: protocol.toLowerCase(),
      entry_port: port,
      target_protocol: protocol.toLowerCase(),
      target_port: nodePort,
      certificate_id: "",
      tls_passthrough: false,
    })),
    droplet_ids: cluster.node_pools.flatMap(({ nodes }) => nodes.map(({ droplet_id }) => Number(droplet_id))),
    tag: "",
  };
}
