import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";

// Layers and archives come through here as messages; the engine's own limit is 400 MiB.
const largestMessageBytes = 400 * 1024 * 1024;

/** gRPC options of both directions. */
export const channelOptions = {
  "grpc.max_receive_message_length": largestMessageBytes,
  "grpc.max_send_message_length": largestMessageBytes,
};

/** Shows lines in the engine's output, in order. Without an engine (tests) lines are dropped. */
export class EngineLog {
  private client: EngineClient | undefined;
  private last: Promise<void> = Promise.resolve();

  /** Takes the engine's address as the command line, Attach or Handshake tells it. */
  connect(address: string): void {
    this.client?.close();
    this.client = new EngineClient(address, grpc.credentials.createInsecure(), channelOptions);
  }

  /** Queues a line. An ephemeral one is progress, replaced by the next. */
  write(urn: string, message: string, ephemeral: boolean): void {
    const client = this.client;
    if (client === undefined || message.trim() === "") return;
    const request = new LogRequest();
    request.setSeverity(LogSeverity.INFO);
    request.setUrn(urn);
    request.setMessage(message);
    request.setEphemeral(ephemeral);
    // A line that cannot be shown must not fail the work that it describes.
    this.last = this.last.then(() => new Promise((resolve) => client.log(request, () => resolve())));
  }

  /** Waits until the engine has every line: after a call's answer it takes none for that call's resource. */
  async flush(): Promise<void> {
    await this.last;
  }
}
