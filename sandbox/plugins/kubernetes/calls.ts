import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { EngineLog } from "../engine-log";
import { checkResponse } from "../messages";
import type { ResourceProtocol } from "../protocol";
import { fromStruct, hasUnknown, revealMap, toStruct, type ValueMap } from "../values";
import { createObject, updateObject, type Write } from "./apply";
import { awaitReady, lookOnce, NotReady, type Waiting } from "./await/await";
import { deleteObject } from "./await/deletion";
import { Call } from "./call";
import { isReason } from "./client";
import { pathOf, type Cluster, type Reachable } from "./cluster";
import { NoMatchError } from "./discovery";
import { completeInputs, importedInputs, managerOf, refusalOf } from "./inputs";
import { isKind } from "./kinds";
import { normalise } from "./normalise";
import { diffObject } from "./object-diff";
import { condition, fromId, idOf, isTrue, messageOf, nameOf, without, withMetadata, type KubeObject } from "./objects";
import { prune } from "./prune";
import { markSecrets, parseState, toState } from "./state";
import { deleteUnreachable, readUnreachable } from "./unreachable";

/** The protocol's calls on Kubernetes objects of every kind. */
export class KubernetesCalls implements ResourceProtocol {
  constructor(
    private readonly cluster: Cluster,
    private readonly log: EngineLog,
    private readonly cancelled: AbortSignal,
  ) {}

  async check(request: rpc.CheckRequest): Promise<rpc.CheckResponse> {
    const news = fromStruct(request.getNews());
    const call = this.call(request.getUrn(), news);
    const refusal = refusalOf(revealMap(news));
    if (refusal !== undefined) return checkResponse(news, [{ property: "metadata", reason: refusal }]);
    const inputs = await completeInputs(this.cluster, call, news, fromStruct(request.getOlds()));
    return checkResponse(markSecrets(inputs, news), []);
  }

  async diff(request: rpc.DiffRequest): Promise<rpc.DiffResponse> {
    const call = this.call(request.getUrn());
    const { kind } = call;
    const state = parseState(fromStruct(request.getOlds()), fromStruct(request.getOldInputs()));
    const news = normalise(kind, revealMap(fromStruct(request.getNews())));
    return diffObject({
      kind,
      state,
      news,
      namespaced: await this.cluster.isNamespaced(kind, this.cancelled),
      ignored: request.getIgnorechangesList(),
      settings: this.cluster.settings,
      alsoReplaces: (await this.isUnreadyJob(call, state.live, news))
        ? '.metadata.annotations["pulumi.com/replaceUnready"]'
        : undefined,
    });
  }

  async create(request: rpc.CreateRequest): Promise<rpc.CreateResponse> {
    const marked = fromStruct(request.getProperties());
    const call = this.call(request.getUrn(), marked);
    const inputs = revealMap(marked);
    const response = new rpc.CreateResponse();
    response.setProperties(request.getProperties());
    const preview = request.getPreview();
    if (preview && !(await this.canPreview(call, inputs))) return response;
    const fieldManager = managerOf(inputs, "");
    let live: KubeObject;
    try {
      live = await createObject(this.cluster, write(call, inputs, fieldManager, preview));
    } catch (error) {
      if (preview && isUnpreviewable(error)) return response;
      throw call.failure(`resource "${call.urn}" was not successfully created by the Kubernetes API server`, error);
    }
    if (preview) {
      // A status that is made up would let the program read what is not there yet.
      response.setProperties(toStruct(toState(without(live, "status"), inputs, marked, fieldManager)));
      return response;
    }
    const what =
      `resource "${call.urn}" was successfully created, but the Kubernetes API server reported that it failed to fully initialize ` +
      "or become live";
    const state = await this.settle(call, live, { inputs, marked, fieldManager, what, timeout: request.getTimeout() });
    response.setId(idOf(live));
    response.setProperties(toStruct(state));
    return response;
  }

  async read(request: rpc.ReadRequest): Promise<rpc.ReadResponse> {
    const olds = fromStruct(request.getProperties());
    const oldInputs = fromStruct(request.getInputs());
    const call = this.call(request.getUrn(), olds, oldInputs);
    const response = new rpc.ReadResponse();
    const found = await this.cluster.find(this.cancelled);
    if ("reason" in found) return readUnreachable(call, request, this.cluster.settings, found.reason);
    const state = parseState(olds, oldInputs);
    const path = await this.pathOfId(found, call, request.getId());
    const live = path === undefined ? undefined : await found.client.find(path, this.cancelled);
    if (live === undefined || path === undefined) return response;
    const known = revealMap(oldInputs);
    const isImport = Object.keys(known).length === 0 && Object.keys(state.live).length === 0;
    const inputs = isImport ? importedInputs(live) : prune(live, normalise(call.kind, known), state.live);
    const marks = { ...olds, ...oldInputs };
    const outputs = toState(live, inputs, marks, managerOf(inputs, state.fieldManager));
    const marked = markSecrets(inputs, marks);
    response.setId(request.getId());
    response.setProperties(toStruct(outputs));
    response.setInputs(toStruct(marked));
    if (isImport) return response;
    try {
      await lookOnce(live, waiting(call, found, path, { inputs, timeout: 0 }));
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      throw call.unfinished(error, error.message, { id: idOf(live), state: outputs, inputs: marked });
    } finally {
      await this.log.flush();
    }
    return response;
  }

  async update(request: rpc.UpdateRequest): Promise<rpc.UpdateResponse> {
    const marked = fromStruct(request.getNews());
    const olds = fromStruct(request.getOlds());
    const call = this.call(request.getUrn(), marked, olds);
    const inputs = normalise(call.kind, revealMap(marked));
    const response = new rpc.UpdateResponse();
    response.setProperties(request.getNews());
    const preview = request.getPreview();
    if (preview && !(await this.canPreview(call, inputs))) return response;
    const state = parseState(olds, fromStruct(request.getOldInputs()));
    const fieldManager = managerOf(inputs, state.fieldManager);
    const what = `the Kubernetes API server reported that "${idOf(state.live)}" failed to fully initialize or become live`;
    let before: KubeObject | undefined;
    let live: KubeObject;
    try {
      const found = await this.cluster.get(this.cancelled);
      const path = await pathOf(found, call.kind, withMetadata(inputs, { name: nameOf(state.live) }), this.cancelled);
      before = await found.client.request("GET", path, { signal: this.cancelled });
      live = await updateObject(
        this.cluster,
        write(call, inputs, fieldManager, preview),
        before,
        request.getIgnorechangesList(),
      );
    } catch (error) {
      if (preview && isReason(error, "Forbidden")) return response;
      if (preview || before === undefined) throw call.failure(`update of resource "${call.urn}" failed`, error);
      // The object is there, unchanged: noted with the inputs that it should have, it is updated the next time, whatever they are.
      const kept = { id: idOf(before), state: toState(before, inputs, marked, fieldManager), inputs: marked };
      throw call.unfinished(error, `${what}: ${messageOf(error)}`, kept);
    }
    if (preview) {
      response.setProperties(toStruct(toState(live, inputs, marked, fieldManager)));
      return response;
    }
    const outputs = await this.settle(call, live, {
      inputs,
      marked,
      fieldManager,
      what,
      before,
      timeout: request.getTimeout(),
    });
    response.setProperties(toStruct(outputs));
    return response;
  }

  async delete(request: rpc.DeleteRequest): Promise<Empty> {
    const olds = fromStruct(request.getProperties());
    const call = this.call(request.getUrn(), olds);
    const found = await this.cluster.find(this.cancelled);
    if ("reason" in found) return deleteUnreachable(call, this.cluster.settings, found.reason);
    const { inputs, live } = parseState(olds, fromStruct(request.getOldInputs()));
    const path = await this.pathOfId(found, call, request.getId());
    const { client } = found;
    const { kind, progress } = call;
    try {
      if (path !== undefined) {
        await deleteObject({
          client,
          kind,
          path,
          inputs,
          live,
          timeout: request.getTimeout(),
          signal: this.cancelled,
          progress,
        });
      }
    } catch (error) {
      throw call.failure(`deleting ${idOf(live)}`, error);
    } finally {
      await this.log.flush();
    }
    return new Empty();
  }

  /** Waits for an object that was written, and answers its state. */
  private async settle(call: Call, live: KubeObject, written: Written): Promise<ValueMap> {
    const { inputs, marked, fieldManager } = written;
    const state = (object: KubeObject): ValueMap => toState(object, inputs, marked, fieldManager);
    try {
      const found = await this.cluster.get(this.cancelled);
      const path = await pathOf(found, call.kind, live, this.cancelled);
      return state(await awaitReady(live, waiting(call, found, path, written)));
    } catch (error) {
      const last = error instanceof NotReady ? error.live : live;
      throw call.unfinished(error, `${written.what}: ${messageOf(error)}`, {
        id: idOf(live),
        state: state(last),
        inputs: marked,
      });
    } finally {
      await this.log.flush();
    }
  }

  /** Whether the server can be asked what it would do. */
  private async canPreview({ kind }: Call, inputs: KubeObject): Promise<boolean> {
    if (hasUnknown(inputs)) return false;
    const found = await this.cluster.find(this.cancelled);
    if ("reason" in found) return false;
    return found.discovery.find(kind, this.cancelled).then(
      () => true,
      () => false,
    );
  }

  private async isUnreadyJob({ kind, info }: Call, live: KubeObject, news: KubeObject): Promise<boolean> {
    if (!isTrue(news, "pulumi.com/replaceUnready")) return false;
    const found = await this.cluster.find(this.cancelled);
    if ("reason" in found) return false;
    if (!isKind(kind, "batch", "Job")) {
      info("replaceUnready annotation is not supported for this resource");
      return false;
    }
    const job = await found.client
      .find(await pathOf(found, kind, live, this.cancelled), this.cancelled)
      .catch(() => undefined);
    return job !== undefined && condition(job, "Complete")?.["status"] !== "True";
  }

  private async pathOfId(found: Reachable, { kind }: Call, id: string): Promise<string | undefined> {
    try {
      return await pathOf(found, kind, { metadata: { ...fromId(id) } }, this.cancelled);
    } catch (error) {
      // Without its kind there cannot be the object.
      if (error instanceof NoMatchError) return undefined;
      throw error;
    }
  }

  private call(urn: string, ...marked: readonly ValueMap[]): Call {
    return new Call(urn, this.log, this.cancelled, ...marked);
  }
}

/** What was written, and how to talk of it. */
interface Written {
  readonly inputs: KubeObject;
  /** The inputs with their secret marks. */
  readonly marked: ValueMap;
  readonly fieldManager: string;
  readonly what: string;
  readonly timeout: number;
  readonly before?: KubeObject | undefined;
}

function write({ kind, cancelled, progress }: Call, inputs: KubeObject, fieldManager: string, preview: boolean): Write {
  return { kind, inputs, fieldManager, preview, signal: cancelled, progress };
}

function waiting(
  { kind, cancelled, progress }: Call,
  { client }: Reachable,
  path: string,
  { inputs, timeout, before }: Pick<Written, "inputs" | "timeout" | "before">,
): Waiting {
  return { client, kind, path, inputs, before, timeout, signal: cancelled, progress };
}

// Its namespace comes with this update, it exists and is to be replaced, or this may not be asked.
function isUnpreviewable(error: unknown): boolean {
  return ["NotFound", "AlreadyExists", "Forbidden"].some((reason) => isReason(error, reason));
}
