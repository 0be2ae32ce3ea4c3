import * as rpc from "@pulumi/pulumi/proto/provider_pb";
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
