import { isBusy } from "./actions";
import { findImage, findRegion, findSize } from "./catalog";
import { notFound } from "./errors";
import { privateAddress, publicAddress } from "./machines";
import type { Droplet, State } from "./state";
import { defaultVpc } from "./vpcs";

/** A droplet as the API tells it. Its user data is never told. */
export function dropletView(state: Readonly<State>, droplet: Droplet) {
  const size = findSize(droplet.size);
  const { id, name, status, features, tags, created_at, disk, slot } = droplet;
  // DigitalOcean tells the addresses once it has placed the droplet.
  const placed = status !== "new";
  const netmask = "255.255.255.0";
  return {
    id,
    name,
    memory: size?.memory ?? 0,
    vcpus: size?.vcpus ?? 0,
    disk,
    locked: isBusy(state, id),
    status,
    kernel: null,
    created_at,
    features,
    backup_ids: [],
    next_backup_window: null,
    snapshot_ids: [],
    image: findImage(droplet.image) ?? null,
    volume_ids: state.volumes.filter((volume) => volume.droplet === id).map((volume) => volume.id),
    size: size ?? null,
    size_slug: droplet.size,
    networks: {
      v4: placed
        ? [
            { ip_address: privateAddress(slot), netmask, gateway: "198.18.77.1", type: "private" },
            { ip_address: publicAddress(slot), netmask, gateway: "127.0.0.1", type: "public" },
          ]
        : [],
      v6: [],
    },
    region: findRegion(droplet.region) ?? null,
    tags,
    vpc_uuid: droplet.vpc_uuid ?? defaultVpc(state, droplet.region).id,
  };
}

/** A droplet by the number in a path, or 404. */
export function findDroplet(state: Readonly<State>, id: string | number): Droplet {
  const found = state.droplets.find((droplet) => String(droplet.id) === String(id));
  if (found === undefined) {
    throw notFound();
  }
  return found;
}
