import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { Call } from "./call";
import type { ClusterSettings } from "./cluster";

const remedy =
  "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the " +
  'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"';

/** The answer to Read when no cluster can be reached: an error, unless the provider is told to let go or to pass over it. */
export function readUnreachable(
  call: Call,
  request: rpc.ReadRequest,
  settings: ClusterSettings,
  reason: string,
): rpc.ReadResponse {
  call.info(`configured Kubernetes cluster is unreachable: ${reason}`);
  const response = new rpc.ReadResponse();
  if (settings.deleteUnreachable) return response;
  if (!settings.skipUpdateUnreachable)
    throw new Error(`failed to read resource state due to unreachable cluster. ${remedy}`);
  response.setId(request.getId());
  response.setProperties(request.getProperties());
  response.setInputs(request.getInputs());
  return response;
}

/** The same for Delete. */
export function deleteUnreachable(call: Call, settings: ClusterSettings, reason: string): Empty {
  call.info(`configured Kubernetes cluster is unreachable: ${reason}`);
  if (settings.deleteUnreachable) return new Empty();
  throw new Error(`configured Kubernetes cluster is unreachable. ${remedy}`);
}
