import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import type { ClusterSettings } from "./cluster";
import { differenceKind, differences, isIgnored, pathText } from "./differences";
import { replaces } from "./force-new";
import type { Kind } from "./kinds";
import { isAutonamed } from "./naming";
import { normalise } from "./normalise";
import { idOf, nameOf, namespaceOf, withMetadata, type KubeObject } from "./objects";
import { prune } from "./prune";
import type { State } from "./state";

/** What is compared. */
export interface Comparison {
  readonly kind: Kind;
  readonly namespaced: boolean;
  readonly state: State;
  readonly news: KubeObject;
  readonly ignored: readonly string[];
  readonly settings: ClusterSettings;
  /** A reason to replace the object beside its inputs. */
  readonly alsoReplaces: string | undefined;
}

/** What is live, in the shape of its inputs, against the new inputs. */
export function diffObject({
  kind,
  namespaced,
  state,
  news,
  ignored,
  settings,
  alsoReplaces,
}: Comparison): rpc.DiffResponse {
  const old = placed(prune(state.live, normalise(kind, state.inputs)), namespaced);
  const now = placed(news, namespaced);
  // A name that somebody wrote down is compared with the real one, however that came about.
  const named = nameOf(now) === "" ? old : withMetadata(old, { name: nameOf(state.live) });
  const found = differences(named, now).filter(({ path }) => !isIgnored(path, ignored));
  const isReplacing = replaces(kind, news, settings);
  const replacing = found.filter(({ path }) => isReplacing(path)).map(({ path }) => pathText(path));
  if (alsoReplaces !== undefined) replacing.push(alsoReplaces);
  const response = new rpc.DiffResponse();
  const { DIFF_SOME, DIFF_NONE } = rpc.DiffResponse.DiffChanges;
  response.setChanges(found.length + replacing.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setReplacesList(replacing);
  response.setDeletebeforereplace(replacing.length > 0 && keepsItsName(now, placed(state.live, namespaced)));
  response.setHasdetaileddiff(true);
  for (const difference of found) {
    const property = new rpc.PropertyDiff();
    property.setKind(differenceKind(difference, isReplacing(difference.path)));
    property.setInputdiff(difference.kind === "delete");
    response.getDetaileddiffMap().set(pathText(difference.path), property);
  }
  return response;
}

/** The object with the namespace that it is in: `default` when it names none, none for what has none. */
function placed(object: KubeObject, namespaced: boolean): KubeObject {
  const namespace = namespaceOf(object) === "" ? "default" : namespaceOf(object);
  return withMetadata(object, { namespace: namespaced ? namespace : undefined });
}

/** A successor with the same given name in the same place cannot stand beside its predecessor. */
function keepsItsName(now: KubeObject, live: KubeObject): boolean {
  return nameOf(now) !== "" && !isAutonamed(now) && idOf(now) === idOf(live);
}
