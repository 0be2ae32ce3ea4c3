import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { PluginInfo, type PluginAttach } from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { configFromRequest, EngineConfigError } from "./configuration";
import { channelOptions, EngineLog } from "./engine-log";
import { checkResponse, errorStatus, failureMessage } from "./messages";
import type { ResourceProtocol } from "./protocol";
import type { Provider, Resource } from "./resource";
import { ResourceCalls } from "./resource-calls";
import { findFailures } from "./schema";
import { fromStruct, revealMap, toStruct, type ValueMap } from "./values";

type Handler<Request, Response> = (request: Request) => Response | Promise<Response>;

/** Serves one provider as `pulumirpc.ResourceProvider`. What is not here answers UNIMPLEMENTED, which the engine knows. */
export class ProviderServer {
  private readonly server = new grpc.Server(channelOptions);
  private readonly cancelled = new AbortController();
  private readonly log = new EngineLog();
  private readonly calls: ResourceProtocol;

  constructor(
    private readonly provider: Provider,
    private readonly version: string,
  ) {
    this.calls =
      provider.protocol?.(this.log, this.cancelled.signal) ??
      this.tableCalls(new ResourceCalls(this.log, this.cancelled.signal));
  }

  /** Listens on a free port of 127.0.0.1 and answers it. */
  async listen(engineAddress?: string): Promise<number> {
    if (engineAddress !== undefined) this.log.connect(engineAddress);
    this.server.addService(ResourceProviderService, this.handlers());
    return new Promise((resolve, reject) =>
      this.server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  }

  /** Aborts what runs: requests end, and commands with all their children. */
  cancel(): void {
    this.cancelled.abort(new Error("cancelled"));
  }

  /** Stops serving at once. */
  close(): void {
    this.cancel();
    this.server.forceShutdown();
  }

  private handlers(): grpc.UntypedServiceImplementation {
    return {
      handshake: unary((request: rpc.ProviderHandshakeRequest) => {
        this.log.connect(request.getEngineAddress());
        const response = new rpc.ProviderHandshakeResponse();
        response.setAcceptSecrets(true);
        return response;
      }),
      attach: unary((request: PluginAttach) => {
        this.log.connect(request.getAddress());
        return new Empty();
      }),
      getPluginInfo: unary(() => {
        const info = new PluginInfo();
        info.setVersion(this.version);
        return info;
      }),
      getSchema: unary(() => {
        const response = new rpc.GetSchemaResponse();
        response.setSchema(JSON.stringify({ name: this.provider.name, version: this.version, resources: {} }));
        return response;
      }),
      checkConfig: unary((request: rpc.CheckRequest) => {
        const news = fromStruct(request.getNews());
        const failures = findFailures(this.provider.config, configFromRequest(news, this.provider.config));
        return checkResponse(news, failures);
      }),
      diffConfig: unary((request: rpc.DiffRequest) => this.diffConfig(request)),
      configure: unary((request: rpc.ConfigureRequest) => this.configure(request)),
      invoke: unary((request: rpc.InvokeRequest) => this.invoke(request)),
      check: unary((request: rpc.CheckRequest) => this.calls.check(request)),
      diff: unary((request: rpc.DiffRequest) => this.calls.diff(request)),
      create: unary((request: rpc.CreateRequest) => this.calls.create(request)),
      read: unary((request: rpc.ReadRequest) => this.calls.read(request)),
      update: unary((request: rpc.UpdateRequest) => this.calls.update(request)),
      delete: unary((request: rpc.DeleteRequest) => this.calls.delete(request)),
      cancel: unary(() => {
        this.cancel();
        return new Empty();
      }),
    };
  }

  /** The calls on the rows of the provider's table. */
  private tableCalls(calls: ResourceCalls): ResourceProtocol {
    return {
      check: async (request) => {
        const resource = this.find(request.getUrn());
        if (resource !== undefined) return calls.check(resource, request);
        const supported = this.provider.resources.map(({ token }) => token).join(", ");
        const reason = `resource type "${typeOf(request.getUrn())}" is not supported by the sandbox's stand-in plugin; supported: ${supported}`;
        return checkResponse(fromStruct(request.getNews()), [{ property: "", reason }]);
      },
      diff: async (request) => calls.diff(this.get(request.getUrn()), request),
      create: async (request) => calls.create(this.get(request.getUrn()), request),
      read: async (request) => calls.read(this.get(request.getUrn()), request),
      update: async (request) => calls.update(this.get(request.getUrn()), request),
      delete: async (request) => calls.delete(this.get(request.getUrn()), request),
    };
  }

  private diffConfig(request: rpc.DiffRequest): rpc.DiffResponse {
    const plain = (sent: ValueMap): ValueMap => revealMap(configFromRequest(sent, this.provider.config));
    const [old, now] = [plain(fromStruct(request.getOlds())), plain(fromStruct(request.getNews()))];
    return this.provider.diffConfig?.(old, now) ?? new rpc.DiffResponse();
  }

  private configure(request: rpc.ConfigureRequest): rpc.ConfigureResponse {
    const config = configFromRequest(fromStruct(request.getArgs()), this.provider.config);
    const [failure] = findFailures(this.provider.config, config);
    if (failure !== undefined) throw new EngineConfigError(`${this.provider.name}: ${failure.reason}`);
    this.provider.configure(revealMap(config));
    const response = new rpc.ConfigureResponse();
    response.setAcceptsecrets(true);
    response.setSupportspreview(true);
    return response;
  }

  private async invoke(request: rpc.InvokeRequest): Promise<rpc.InvokeResponse> {
    const found = this.provider.functions.find(({ token }) => token === request.getTok());
    if (found === undefined)
      throw new Error(`function "${request.getTok()}" is not supported by the sandbox's stand-in plugin`);
    const inputs = revealMap(fromStruct(request.getArgs()));
    const response = new rpc.InvokeResponse();
    const failures = findFailures(found.inputs, inputs);
    if (failures.length > 0) response.setFailuresList(failures.map(failureMessage));
    else response.setReturn(toStruct(await found.invoke(inputs, this.cancelled.signal)));
    return response;
  }

  private find(urn: string): Resource | undefined {
    return this.provider.resources.find(({ token }) => token === typeOf(urn));
  }

  private get(urn: string): Resource {
    const resource = this.find(urn);
    if (resource === undefined)
      throw new Error(`resource type "${typeOf(urn)}" is not supported by the sandbox's stand-in plugin`);
    return resource;
  }
}

// urn:pulumi:<stack>::<project>::<parent types>$<type>::<name>
function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

function unary<Request, Response>(handler: Handler<Request, Response>) {
  return (call: grpc.ServerUnaryCall<Request, Response>, callback: grpc.sendUnaryData<Response>): void => {
    Promise.resolve(call.request)
      .then(handler)
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(errorStatus(error)),
      );
  };
}
