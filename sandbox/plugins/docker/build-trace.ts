import { BinaryReader } from "google-protobuf";

/** What BuildKit tells about a running build (`moby.buildkit.v1.StatusResponse`), as far as it is shown. */
export interface BuildStatus {
  readonly steps: readonly BuildStep[];
  readonly logs: readonly BuildLog[];
}
export interface BuildStep {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started: boolean;
  readonly completed: boolean;
  readonly error: string;
}
export interface BuildLog {
  readonly step: string;
  readonly text: string;
}

/** Decodes the base64 text of a `moby.buildkit.trace` message; field numbers are those of BuildKit's control.proto. */
export function decodeTrace(base64: string): BuildStatus {
  const steps: BuildStep[] = [];
  const logs: BuildLog[] = [];
  const reader = new BinaryReader(Buffer.from(base64, "base64"));
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 1) steps.push(decodeStep(nested(reader)));
    else if (reader.getFieldNumber() === 3) logs.push(decodeLog(nested(reader)));
    else reader.skipField();
  }
  return { steps, logs };
}

function decodeStep(reader: BinaryReader): BuildStep {
  const step = { digest: "", name: "", cached: false, started: false, completed: false, error: "" };
  while (reader.nextField()) {
    switch (reader.getFieldNumber()) {
      case 1:
        step.digest = reader.readString();
        break;
      case 3:
        step.name = reader.readString();
        break;
      case 4:
        step.cached = reader.readBool();
        break;
      case 5:
        step.started = true;
        reader.skipField();
        break;
      case 6:
        step.completed = true;
        reader.skipField();
        break;
      case 7:
        step.error = reader.readString();
        break;
      default:
        reader.skipField();
    }
  }
  return step;
}

function decodeLog(reader: BinaryReader): BuildLog {
  const log = { step: "", text: "" };
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 1) log.step = reader.readString();
    else if (reader.getFieldNumber() === 4) log.text = Buffer.from(reader.readBytes()).toString("utf8");
    else reader.skipField();
  }
  return log;
}

function nested(reader: BinaryReader): BinaryReader {
  return new BinaryReader(reader.readBytes());
}
