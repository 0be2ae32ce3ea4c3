import { randomBytes } from "node:crypto";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { EngineLog } from "../engine-log";
import { checkResponse, InitFailure } from "../messages";
import type { ResourceProtocol } from "../protocol";
import { redactor } from "../redactor";
import { fromStruct, hasUnknown, isMap, revealMap, secretStrings, toStruct, type ValueMap } from "../values";
import { createObject, updateObject, type Write } from "./apply";
import { awaitReady, lookOnce, NotReady, type Waiting } from "./await/await";
import { deleteObject } from "./await/deletion";
import { isReason } from "./client";
import { pathOf, type Cluster, type Reachable } from "./cluster";
import { differenceKind, differences, isIgnored, pathText } from "./differences";
import { NoMatchError } from "./discovery";
import { replaces } from "./force-new";
import { apiVersionOf, isKind, kindOfUrn, type Kind } from "./kinds";
import { isAutonamed, withName } from "./naming";
import { normalise } from "./normalise";
import {
  annotation,
  condition,
  fromId,
  idOf,
  isTrue,
  messageOf,
  nameOf,
  namespaceOf,
  without,
  withMetadata,
  type KubeObject,
} from "./objects";
import { prune } from "./prune";
import { markSecrets, parseState, toState } from "./state";

/** One call: what is needed to talk about it. */
interface Call {
  readonly urn: string;
  readonly kind: Kind;
  redact(text: string): string;
  /** A passing line of progress. */
  progress(line: string): void;
  /** A line that stays. */
  info(line: string): void;
}

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
    const given = revealMap(news);
    const refusal = refusalOf(given);
    if (refusal !== undefined) return checkResponse(news, [{ property: "metadata", reason: refusal }]);
    const typed = { apiVersion: apiVersionOf(call.kind), kind: call.kind.kind, ...given };
    const { metadata = {} } = typed as ValueMap;
    const inputs = normalise(call.kind, { ...typed, metadata });
    const named = withName(inputs, revealMap(fromStruct(request.getOlds())), nameOfUrn(call.urn));
    const placed = await this.withNamespace(call.kind, named);
    return checkResponse(markSecrets(placed, news), []);
  }

  async diff(request: rpc.DiffRequest): Promise<rpc.DiffResponse> {
    const { kind, info } = this.call(request.getUrn());
    const state = parseState(fromStruct(request.getOlds()), fromStruct(request.getOldInputs()));
    const news = normalise(kind, revealMap(fromStruct(request.getNews())));
    const namespaced = await this.cluster.isNamespaced(kind, this.cancelled);
    const old = placedFor(prune(state.live, normalise(kind, state.inputs)), namespaced);
    const now = placedFor(news, namespaced);
    // A name that somebody wrote down is compared with the real one, however that came about.
    const named = nameOf(now) === "" ? old : withMetadata(old, { name: nameOf(state.live) });
    const ignored = request.getIgnorechangesList();
    const found = differences(named, now).filter(({ path }) => !isIgnored(path, ignored));
    const isReplacing = replaces(kind, news, this.cluster.settings);
    const replacing = found.filter(({ path }) => isReplacing(path)).map(({ path }) => pathText(path));
    if (await this.isUnreadyJob(kind, state.live, news, info)) replacing.push('.metadata.annotations["pulumi.com/replaceUnready"]');
    const response = new rpc.DiffResponse();
    const { DIFF_SOME, DIFF_NONE } = rpc.DiffResponse.DiffChanges;
    response.setChanges(found.length + replacing.length > 0 ? DIFF_SOME : DIFF_NONE);
    response.setReplacesList(replacing);
    response.setDeletebeforereplace(replacing.length > 0 && keepsItsName(now, placedFor(state.live, namespaced)));
    response.setHasdetaileddiff(true);
    for (const difference of found) {
      const property = new rpc.PropertyDiff();
      property.setKind(differenceKind(difference, isReplacing(difference.path)));
      property.setInputdiff(difference.kind === "delete");
      response.getDetaileddiffMap().set(pathText(difference.path), property);
    }
    return response;
  }

  async create(request: rpc.CreateRequest): Promise<rpc.CreateResponse> {
    const marked = fromStruct(request.getProperties());
    const call = this.call(request.getUrn(), marked);
    const inputs = revealMap(marked);
    const response = new rpc.CreateResponse();
    response.setProperties(request.getProperties());
    const preview = request.getPreview();
    if (preview && !(await this.canPreview(call.kind, inputs))) return response;
    const fieldManager = managerOf(inputs, "");
    const write = this.write(call, inputs, fieldManager, preview);
    let live: KubeObject;
    try {
      live = await createObject(this.cluster, write);
    } catch (error) {
      if (preview && isUnpreviewable(error)) return response;
      throw this.fail(call, `resource "${call.urn}" was not successfully created by the Kubernetes API server`, error);
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
    if ("reason" in found) return this.readUnreachable(call, request, found.reason);
    const state = parseState(olds, oldInputs);
    const path = await this.pathOfId(found, call.kind, request.getId());
    const live = path === undefined ? undefined : await found.client.find(path, this.cancelled);
    if (live === undefined || path === undefined) return response;
    const known = revealMap(oldInputs);
    const isImport = Object.keys(known).length === 0 && Object.keys(state.live).length === 0;
    const inputs = isImport ? importedInputs(live) : prune(live, normalise(call.kind, known), state.live);
    const fieldManager = managerOf(inputs, state.fieldManager);
    const marks = { ...olds, ...oldInputs };
    const outputs = toState(live, inputs, marks, fieldManager);
    response.setId(request.getId());
    response.setProperties(toStruct(outputs));
    response.setInputs(toStruct(markSecrets(inputs, marks)));
    if (isImport) return response;
    try {
      await lookOnce(live, this.waiting(call, found, path, { inputs, timeout: 0, before: undefined }));
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      throw this.unfinished(call, error, error.message, idOf(live), outputs, markSecrets(inputs, marks));
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
    if (preview && !(await this.canPreview(call.kind, inputs))) return response;
    const state = parseState(olds, fromStruct(request.getOldInputs()));
    const fieldManager = managerOf(inputs, state.fieldManager);
    let before: KubeObject;
    let live: KubeObject;
    try {
      const found = await this.cluster.get(this.cancelled);
      const path = await pathOf(found, call.kind, withMetadata(inputs, { name: nameOf(state.live) }), this.cancelled);
      before = await found.client.request("GET", path, { signal: this.cancelled });
      live = await updateObject(this.cluster, this.write(call, inputs, fieldManager, preview), before, request.getIgnorechangesList());
    } catch (error) {
      if (preview && isReason(error, "Forbidden")) return response;
      throw this.fail(call, `update of resource "${call.urn}" failed`, error);
    }
    if (preview) {
      response.setProperties(toStruct(toState(live, inputs, marked, fieldManager)));
      return response;
    }
    const what = `the Kubernetes API server reported that "${idOf(live)}" failed to fully initialize or become live`;
    const outputs = await this.settle(call, live, { inputs, marked, fieldManager, what, before, timeout: request.getTimeout() });
    response.setProperties(toStruct(outputs));
    return response;
  }

  async delete(request: rpc.DeleteRequest): Promise<Empty> {
    const olds = fromStruct(request.getProperties());
    const call = this.call(request.getUrn(), olds);
    const found = await this.cluster.find(this.cancelled);
    if ("reason" in found) return this.deleteUnreachable(call, found.reason);
    const { inputs, live } = parseState(olds, fromStruct(request.getOldInputs()));
    const path = await this.pathOfId(found, call.kind, request.getId());
    const { client } = found;
    const { kind, progress } = call;
    try {
      if (path !== undefined) {
        await deleteObject({ client, kind, path, inputs, live, timeout: request.getTimeout(), signal: this.cancelled, progress });
      }
    } catch (error) {
      throw this.fail(call, `deleting ${idOf(live)}`, error);
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
      return state(await awaitReady(live, this.waiting(call, found, path, written)));
    } catch (error) {
      const last = error instanceof NotReady ? error.live : live;
      throw this.unfinished(call, error, `${written.what}: ${messageOf(error)}`, idOf(live), state(last), marked);
    } finally {
      await this.log.flush();
    }
  }

  private async withNamespace(kind: Kind, inputs: KubeObject): Promise<KubeObject> {
    const { metadata } = inputs;
    if (!isMap(metadata) || (metadata["namespace"] !== undefined && metadata["namespace"] !== "")) return inputs;
    if (!(await this.cluster.isNamespaced(kind, this.cancelled))) return inputs;
    return withMetadata(inputs, { namespace: this.cluster.defaultNamespace() });
  }

  /** Whether the server can be asked what it would do. */
  private async canPreview(kind: Kind, inputs: KubeObject): Promise<boolean> {
    if (hasUnknown(inputs)) return false;
    const found = await this.cluster.find(this.cancelled);
    if ("reason" in found) return false;
    return found.discovery.find(kind, this.cancelled).then(
      () => true,
      () => false,
    );
  }

  private async isUnreadyJob(kind: Kind, live: KubeObject, news: KubeObject, info: (line: string) => void): Promise<boolean> {
    if (!isTrue(news, "pulumi.com/replaceUnready")) return false;
    const found = await this.cluster.find(this.cancelled);
    if ("reason" in found) return false;
    if (!isKind(kind, "batch", "Job")) {
      info("replaceUnready annotation is not supported for this resource");
      return false;
    }
    const job = await found.client.find(await pathOf(found, kind, live, this.cancelled), this.cancelled).catch(() => undefined);
    return job !== undefined && condition(job, "Complete")?.["status"] !== "True";
  }

  private async pathOfId(found: Reachable, kind: Kind, id: string): Promise<string | undefined> {
    try {
      return await pathOf(found, kind, { metadata: { ...fromId(id) } }, this.cancelled);
    } catch (error) {
      // Without its kind there cannot be the object.
      if (error instanceof NoMatchError) return undefined;
      throw error;
    }
  }

  private readUnreachable(call: Call, request: rpc.ReadRequest, reason: string): rpc.ReadResponse {
    call.info(`configured Kubernetes cluster is unreachable: ${reason}`);
    const response = new rpc.ReadResponse();
    const { deleteUnreachable, skipUpdateUnreachable } = this.cluster.settings;
    if (deleteUnreachable) return response;
    if (!skipUpdateUnreachable) {
      throw new Error(
        "failed to read resource state due to unreachable cluster. If the cluster was deleted, you can remove this resource from " +
          'Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"',
      );
    }
    response.setId(request.getId());
    response.setProperties(request.getProperties());
    response.setInputs(request.getInputs());
    return response;
  }

  private deleteUnreachable(call: Call, reason: string): Empty {
    call.info(`configured Kubernetes cluster is unreachable: ${reason}`);
    if (this.cluster.settings.deleteUnreachable) return new Empty();
    throw new Error(
      "configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this resource from Pulumi state by " +
        'rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"',
    );
  }

  private write(call: Call, inputs: KubeObject, fieldManager: string, preview: boolean): Write {
    return { kind: call.kind, inputs, fieldManager, preview, signal: this.cancelled, progress: call.progress };
  }

  private waiting(
    call: Call,
    { client }: Reachable,
    path: string,
    { inputs, timeout, before }: Pick<Written, "inputs" | "timeout" | "before">,
  ): Waiting {
    return { client, kind: call.kind, path, inputs, before, timeout, signal: this.cancelled, progress: call.progress };
  }

  private fail(call: Call, what: string, error: unknown): Error {
    return new Error(call.redact(`${what}: ${this.cancelled.aborted ? "cancelled" : messageOf(error)}`), { cause: error });
  }

  private unfinished(call: Call, error: unknown, message: string, id: string, state: ValueMap, inputs: ValueMap): InitFailure {
    const reasons = error instanceof NotReady ? error.reasons : [];
    return new InitFailure(call.redact(message), id, state, inputs, reasons.map(call.redact));
  }

  private call(urn: string, ...marked: readonly ValueMap[]): Call {
    this.cancelled.throwIfAborted();
    const redact = redactor(marked.flatMap((value) => secretStrings(value)));
    return {
      urn,
      kind: kindOfUrn(urn),
      redact,
      progress: (line) => this.log.write(urn, redact(line), true),
      info: (line) => this.log.write(urn, redact(line), false),
    };
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

/** What a stand-in cannot do is refused by name. */
function refusalOf(inputs: KubeObject): string | undefined {
  if (annotation(inputs, "pulumi.com/waitFor") !== "") return '"pulumi.com/waitFor" is not supported by the sandbox\'s stand-in plugin';
  const { metadata } = inputs;
  if (isMap(metadata) && metadata["generateName"] !== undefined && metadata["name"] === undefined) {
    return "the `.metadata.generateName` field is not supported in Server-Side Apply mode";
  }
  return undefined;
}

function nameOfUrn(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function managerOf(inputs: KubeObject, known: string): string {
  const asked = annotation(inputs, "pulumi.com/patchFieldManager");
  if (asked !== "") return asked;
  return known === "" ? `pulumi-kubernetes-${randomBytes(4).toString("hex")}` : known;
}

/** The object with the namespace that it is in: `default` when it names none, none for what has none. */
function placedFor(object: KubeObject, namespaced: boolean): KubeObject {
  return withMetadata(object, { namespace: namespaced ? namespaceOf(object) || "default" : undefined });
}

/** A successor with the same given name in the same place cannot stand beside its predecessor. */
function keepsItsName(now: KubeObject, live: KubeObject): boolean {
  return nameOf(now) !== "" && !isAutonamed(now) && idOf(now) === idOf(live);
}

/** What a program would have had to say for this object. */
function importedInputs(live: KubeObject): KubeObject {
  const none = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"];
  return withMetadata(without(live, "status"), Object.fromEntries(none.map((name) => [name, undefined])));
}

// Its namespace comes with this update, it exists and is to be replaced, or this may not be asked.
function isUnpreviewable(error: unknown): boolean {
  return ["NotFound", "AlreadyExists", "Forbidden"].some((reason) => isReason(error, reason));
}
