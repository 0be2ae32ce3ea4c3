import { revealMap, type Value, type ValueMap } from "../values";
import { list, part } from "./sets";

/** What only the program or the state knows: the API does not tell it, or not as it was asked for. */
const kept: readonly string[] = [
  "backupPolicy",
  "dropletAgent",
  "gracefulShutdown",
  "image",
  "resizeDisk",
  "sshKeys",
  "userData",
];

/** The outputs of a droplet as the API tells it; the rest from what was there before. */
export function dropletOutputs(droplet: ValueMap, before: ValueMap): ValueMap {
  const features = list(droplet["features"]);
  const size = part(droplet["size"], "size of the droplet");
  const { slug, id } = part(droplet["image"], "image of the droplet");
  const ipv4Address = address(droplet, "public");
  return revealMap({
    image: slug === undefined || slug === "" ? String(id) : slug,
    ...Object.fromEntries(
      kept.filter((name) => before[name] !== undefined).map((name) => [name, before[name] ?? null]),
    ),
    name: droplet["name"] ?? null,
    dropletUrn: `do:droplet:${String(droplet["id"])}`,
    region: part(droplet["region"], "region of the droplet")["slug"] ?? null,
    size: size["slug"] ?? null,
    priceHourly: size["price_hourly"] ?? null,
    priceMonthly: size["price_monthly"] ?? null,
    disk: droplet["disk"] ?? null,
    vcpus: droplet["vcpus"] ?? null,
    memory: droplet["memory"] ?? null,
    status: droplet["status"] ?? null,
    locked: droplet["locked"] === true,
    createdAt: droplet["created_at"] ?? null,
    vpcUuid: droplet["vpc_uuid"] ?? null,
    ipv4Address,
    ipv4AddressPrivate: address(droplet, "private"),
    ipv6Address: "",
    publicNetworking: ipv4Address !== "",
    backups: features.includes("backups"),
    ipv6: features.includes("ipv6"),
    privateNetworking: features.includes("private_networking"),
    monitoring: features.includes("monitoring"),
    volumeIds: list(droplet["volume_ids"]),
    tags: list(droplet["tags"]),
  });
}

function address(droplet: ValueMap, type: string): Value {
  const networks = list(part(droplet["networks"], "networks of the droplet")["v4"]).map((one) => part(one, "network"));
  return networks.find((network) => network["type"] === type)?.["ip_address"] ?? "";
}
