import { randomUUID } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { BinaryReader, BinaryWriter } from "google-protobuf";
import type { DockerEngine } from "./engine";
import type { RegistryAuth } from "./registry-auth";

/** A BuildKit session: the connection on which the engine asks for credentials while it builds. */
export interface BuildSession {
  readonly id: string;
  close(): void;
}

/**
 * Opens a session that answers `moby.filesync.v1.Auth/Credentials`: without one, BuildKit cannot use a base image from a registry
 * with authentication. `credentialsOf` tells what to answer for a host.
 */
export async function openSession(
  engine: DockerEngine,
  credentialsOf: (host: string) => RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<BuildSession> {
  const id = randomUUID().replaceAll("-", "");
  const server = new grpc.Server();
  server.addService(serviceOf("moby.filesync.v1.Auth", "Credentials"), {
    Credentials: answer((request) => encodeCredentials(credentialsOf(decodeHost(request)))),
  });
  server.addService(serviceOf("grpc.health.v1.Health", "Check"), { Check: answer(() => serving) });
  const socket = await engine.hijack(
    "/session",
    {
      "x-docker-expose-session-uuid": id,
      "x-docker-expose-session-name": "image",
      "x-docker-expose-session-sharedkey": "",
      "x-docker-expose-session-grpc-method": "/moby.filesync.v1.Auth/Credentials",
    },
    signal,
  );
  socket.on("error", () => undefined);
  server.createConnectionInjector(grpc.ServerCredentials.createInsecure()).injectConnection(socket);
  return {
    id,
    close: () => {
      server.forceShutdown();
      socket.destroy();
    },
  };
}

// HealthCheckResponse{status: SERVING}
const serving = Buffer.from([0x08, 0x01]);

function answer(handle: (request: Buffer) => Buffer): grpc.handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => callback(null, handle(call.request));
}

function serviceOf(service: string, method: string): grpc.ServiceDefinition {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    [method]: {
      path: `/${service}/${method}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
}

// CredentialsRequest{Host = 1}, CredentialsResponse{Username = 1, Secret = 2}
function decodeHost(request: Buffer): string {
  const reader = new BinaryReader(request);
  let host = "";
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 1) host = reader.readString();
    else reader.skipField();
  }
  return host;
}

function encodeCredentials(auth: RegistryAuth | undefined): Buffer {
  const writer = new BinaryWriter();
  if (auth !== undefined) {
    writer.writeString(1, auth.username);
    writer.writeString(2, auth.password);
  }
  return Buffer.from(writer.getResultBuffer());
}
