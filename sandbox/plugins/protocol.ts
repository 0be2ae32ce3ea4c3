import type * as rpc from "@pulumi/pulumi/proto/provider_pb";
import type { Empty } from "google-protobuf/google/protobuf/empty_pb";

/** The protocol's calls on resources of every type of a provider. */
export interface ResourceProtocol {
  check(request: rpc.CheckRequest): Promise<rpc.CheckResponse>;
  diff(request: rpc.DiffRequest): Promise<rpc.DiffResponse>;
  create(request: rpc.CreateRequest): Promise<rpc.CreateResponse>;
  read(request: rpc.ReadRequest): Promise<rpc.ReadResponse>;
  update(request: rpc.UpdateRequest): Promise<rpc.UpdateResponse>;
  delete(request: rpc.DeleteRequest): Promise<Empty>;
}
