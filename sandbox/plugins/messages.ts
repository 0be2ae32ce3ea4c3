import * as grpc from "@grpc/grpc-js";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import type { Failure } from "./schema";
import { toStruct, type ValueMap } from "./values";

/** The answer of Check and CheckConfig. */
export function checkResponse(inputs: ValueMap, failures: readonly Failure[]): rpc.CheckResponse {
  const response = new rpc.CheckResponse();
  response.setInputs(toStruct(inputs));
  response.setFailuresList(failures.map(failureMessage));
  return response;
}

/** A failure as the engine reads it. */
export function failureMessage({ property, reason }: Failure): rpc.CheckFailure {
  const failure = new rpc.CheckFailure();
  failure.setProperty(property);
  failure.setReason(reason);
  return failure;
}

/** A resource that was created and did not come up: the engine keeps its id and state, and calls Update for it the next time. */
export class InitFailure extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly state: ValueMap,
    readonly inputs: ValueMap,
    /** What else is known of it: shown below the message. */
    readonly reasons: readonly string[] = [],
  ) {
    super(message);
  }
}

/** An error as gRPC sends it; what belongs to an {@link InitFailure} travels in the details. */
export function errorStatus(error: unknown): Partial<grpc.StatusObject> {
  const details = error instanceof Error ? error.message : String(error);
  if (!(error instanceof InitFailure)) return { code: grpc.status.UNKNOWN, details };
  const failure = new rpc.ErrorResourceInitFailed();
  failure.setId(error.id);
  failure.setProperties(toStruct(error.state));
  failure.setInputs(toStruct(error.inputs));
  failure.setReasonsList([details, ...error.reasons]);
  const packed = new Any();
  packed.pack(failure.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(details);
  status.addDetails(packed);
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details, metadata };
}
