import { execFileSync } from "node:child_process";

/** The address by which containers, and builds, reach servers of this machine. */
export function addressForBuilds(): string {
  // Until Docker has started anew it may tell no gateway of its own network: then that is the first address.
  const told = "{{with index .IPAM.Config 0}}{{.Gateway}},{{.Subnet}}{{end}}";
  const answer = execFileSync("docker", ["network", "inspect", "bridge", "--format", told], { encoding: "utf8" });
  const [gateway = "", subnet = ""] = answer.trim().split(",");
  return gateway || subnet.replace(/0\/\d+$/, "1");
}
