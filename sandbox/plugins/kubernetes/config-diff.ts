import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { isUnknown, sameValue, type ValueMap } from "../values";
import { activeCluster } from "./kubeconfig";

/**
 * What a changed configuration does to the provider. Another cluster (or one that is not known yet) replaces it, and with it
 * all its objects; new credentials for the same cluster do not. `clusterIdentifier`, when it is set, decides alone.
 */
export function diffConfig(old: ValueMap, now: ValueMap): rpc.DiffResponse {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (name) => !sameValue(old[name], now[name]),
  );
  const response = new rpc.DiffResponse();
  response.setChanges(
    names.length > 0 ? rpc.DiffResponse.DiffChanges.DIFF_SOME : rpc.DiffResponse.DiffChanges.DIFF_NONE,
  );
  response.setDiffsList(names);
  response.setReplacesList(replacing(old, now, names));
  return response;
}

function replacing(old: ValueMap, now: ValueMap, changed: readonly string[]): string[] {
  const [before, after] = [old["clusterIdentifier"], now["clusterIdentifier"]];
  if (before !== undefined && after !== undefined) return before === after ? [] : ["clusterIdentifier"];
  const leading = ["kubeconfig", "context", "cluster"].filter((name) => changed.includes(name));
  const unknown = leading.find((name) => isUnknown(now[name]));
  if (unknown !== undefined) return [unknown];
  const [from, to] = [activeCluster(old), activeCluster(now)];
  return from !== undefined && to !== undefined && !sameValue(from, to) ? leading : [];
}
