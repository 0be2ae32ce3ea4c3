import { command } from "./command/provider";
import { digitalocean } from "./digitalocean/provider";
import { docker } from "./docker/provider";
import { kubernetes } from "./kubernetes/provider";

/** Every provider that has a stand-in; each is named like its npm package `@pulumi/<name>`. */
export const providers = { command, digitalocean, docker, kubernetes } as const;
