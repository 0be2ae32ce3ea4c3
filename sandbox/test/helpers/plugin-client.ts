import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { fromStruct, toStruct, type ValueMap } from "../../plugins/values";

/** Speaks to one plugin as the engine does, with plain objects. */
export class PluginClient {
  private readonly client: ResourceProviderClient;

  constructor(port: number) {
    this.client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  }

  close(): void {
    this.client.close();
  }

  async configure(config: ValueMap): Promise<rpc.ConfigureResponse> {
    const request = new rpc.ConfigureRequest();
    request.setArgs(toStruct(config));
    request.setAcceptsecrets(true);
    return ask<rpc.ConfigureResponse>((done) => this.client.configure(request, done));
  }

  async checkConfig(news: ValueMap): Promise<readonly string[]> {
    const request = new rpc.CheckRequest();
    request.setNews(toStruct(news));
    const response = await ask<rpc.CheckResponse>((done) => this.client.checkConfig(request, done));
    return response.getFailuresList().map((failure) => failure.getReason());
  }

  async diffConfig(olds: ValueMap, news: ValueMap): Promise<rpc.DiffResponse.AsObject> {
    const request = new rpc.DiffRequest();
    request.setOlds(toStruct(olds));
    request.setNews(toStruct(news));
    const response = await ask<rpc.DiffResponse>((done) => this.client.diffConfig(request, done));
    return response.toObject();
  }

  async check(
    urn: string,
    news: ValueMap,
    olds: ValueMap = {},
  ): Promise<{ inputs: ValueMap; failures: readonly string[] }> {
    const request = new rpc.CheckRequest();
    request.setUrn(urn);
    request.setNews(toStruct(news));
    request.setOlds(toStruct(olds));
    const response = await ask<rpc.CheckResponse>((done) => this.client.check(request, done));
    return {
      inputs: fromStruct(response.getInputs()),
      failures: response.getFailuresList().map((failure) => failure.getReason()),
    };
  }

  async diff(urn: string, state: ValueMap, oldInputs: ValueMap, news: ValueMap): Promise<rpc.DiffResponse.AsObject> {
    const request = new rpc.DiffRequest();
    request.setUrn(urn);
    request.setOlds(toStruct(state));
    request.setOldInputs(toStruct(oldInputs));
    request.setNews(toStruct(news));
    const response = await ask<rpc.DiffResponse>((done) => this.client.diff(request, done));
    return response.toObject();
  }

  async create(urn: string, inputs: ValueMap, preview = false): Promise<{ id: string; state: ValueMap }> {
    const request = new rpc.CreateRequest();
    request.setUrn(urn);
    request.setProperties(toStruct(inputs));
    request.setPreview(preview);
    const response = await ask<rpc.CreateResponse>((done) => this.client.create(request, done));
    return { id: response.getId(), state: fromStruct(response.getProperties()) };
  }

  async read(
    urn: string,
    id: string,
    state: ValueMap,
    inputs: ValueMap,
  ): Promise<{ id: string; state: ValueMap; inputs: ValueMap }> {
    const request = new rpc.ReadRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setProperties(toStruct(state));
    request.setInputs(toStruct(inputs));
    const response = await ask<rpc.ReadResponse>((done) => this.client.read(request, done));
    return {
      id: response.getId(),
      state: fromStruct(response.getProperties()),
      inputs: fromStruct(response.getInputs()),
    };
  }

  async update(
    urn: string,
    id: string,
    state: ValueMap,
    oldInputs: ValueMap,
    news: ValueMap,
    preview = false,
  ): Promise<ValueMap> {
    const request = new rpc.UpdateRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setOlds(toStruct(state));
    request.setOldInputs(toStruct(oldInputs));
    request.setNews(toStruct(news));
    request.setPreview(preview);
    const response = await ask<rpc.UpdateResponse>((done) => this.client.update(request, done));
    return fromStruct(response.getProperties());
  }

  async delete(urn: string, id: string, state: ValueMap, oldInputs: ValueMap): Promise<void> {
    const request = new rpc.DeleteRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setProperties(toStruct(state));
    request.setOldInputs(toStruct(oldInputs));
    await ask<Empty>((done) => this.client.delete(request, done));
  }

  async invoke(token: string, args: ValueMap): Promise<{ result: ValueMap; failures: readonly string[] }> {
    const request = new rpc.InvokeRequest();
    request.setTok(token);
    request.setArgs(toStruct(args));
    const response = await ask<rpc.InvokeResponse>((done) => this.client.invoke(request, done));
    return {
      result: fromStruct(response.getReturn()),
      failures: response.getFailuresList().map((failure) => failure.getReason()),
    };
  }

  async handshake(engineAddress: string): Promise<rpc.ProviderHandshakeResponse> {
    const request = new rpc.ProviderHandshakeRequest();
    request.setEngineAddress(engineAddress);
    return ask<rpc.ProviderHandshakeResponse>((done) => this.client.handshake(request, done));
  }

  async version(): Promise<string> {
    const info = await ask<{ getVersion(): string }>((done) => this.client.getPluginInfo(new Empty(), done));
    return info.getVersion();
  }

  async cancel(): Promise<void> {
    await ask<Empty>((done) => this.client.cancel(new Empty(), done));
  }

  /** The code of an answer that is an error; 0 for one that is none. */
  async codeOfConstruct(): Promise<number> {
    return new Promise((resolve) =>
      this.client.construct(new rpc.ConstructRequest(), (error) => resolve(error?.code ?? 0)),
    );
  }
}

/** An error of the plugin, with what it says of a resource that exists all the same. */
export class PluginError extends Error {
  readonly unfinished: { readonly id: string; readonly state: ValueMap; readonly inputs: ValueMap } | undefined;
  /** What it says of that resource, the message first. */
  readonly reasons: readonly string[];

  constructor(error: grpc.ServiceError) {
    super(error.details);
    const [bytes] = error.metadata.get("grpc-status-details-bin");
    const [detail] = bytes instanceof Buffer ? Status.deserializeBinary(bytes).getDetailsList() : [];
    const failure = detail?.unpack(
      (binary) => rpc.ErrorResourceInitFailed.deserializeBinary(binary),
      "pulumirpc.ErrorResourceInitFailed",
    );
    this.reasons = failure?.getReasonsList() ?? [];
    if (failure) {
      this.unfinished = {
        id: failure.getId(),
        state: fromStruct(failure.getProperties()),
        inputs: fromStruct(failure.getInputs()),
      };
    }
  }
}

/** The engine's name for a resource. */
export function urnOf(type: string, name: string): string {
  return `urn:pulumi:test::project::${type}::${name}`;
}

function ask<Response>(
  send: (done: (error: grpc.ServiceError | null, response: Response) => void) => void,
): Promise<Response> {
  return new Promise((resolve, reject) =>
    send((error, response) => (error === null ? resolve(response) : reject(new PluginError(error)))),
  );
}
