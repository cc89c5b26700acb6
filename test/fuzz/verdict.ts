// Whether an answer says that the server is at fault: 500, INTERNAL or UNKNOWN, in any of the formats.
import { FrameReader, FrameType, grpcStatusOf, httpStatusOf } from "./http2-frames.ts";

const INTERNAL = 13;
const UNKNOWN = 2;
/** HTTP/2's own. */
const RESET_INTERNAL_ERROR = 2;

/** In a header line, or in the last frame of gRPC-Web. */
const GRPC_STATUS = /grpc-status: ?(\d+)\r/gi;
/** Where a body of Connect or REST begins: OpenAPI's document has such answers as examples. */
const JSON_CODE = /(?:^|\r\n)\{"code":(?:2,|13,|"internal"|"unknown")/;
/** gRPC-Web's text form. */
const BASE64 = /[A-Za-z0-9+/]{24,}={0,2}/g;
const HTTP1_STATUS = /^HTTP\/1\.1 (\d{3})/gm;

export interface Verdict {
  /** Undefined when all is well. */
  readonly fault: string | undefined;
  /** What was answered, for the count. */
  readonly statuses: readonly string[];
}

export function judgeHttp1(received: Buffer): Verdict {
  const text = received.toString("latin1");
  const statuses = [...text.matchAll(HTTP1_STATUS)].map(([, status]) => String(status));
  return { fault: statuses.includes("500") ? "HTTP status 500" : faultInText(text), statuses };
}

export function judgeHttp2(received: Buffer): Verdict {
  const statuses: string[] = [];
  const bodies = new Map<number, string>();
  let fault: string | undefined;
  for (const { type, streamId, payload } of new FrameReader().push(received)) {
    if (type === FrameType.DATA) {
      bodies.set(streamId, (bodies.get(streamId) ?? "") + payload.toString("latin1"));
    } else if (type === FrameType.HEADERS) {
      const [http, grpc] = [httpStatusOf(payload), grpcStatusOf(payload)];
      if (http !== undefined || grpc !== undefined)
        statuses.push(grpc === undefined ? String(http) : `gRPC ${grpc}`);
      if (http === 500) fault ??= "HTTP status 500";
      if (isFault(grpc)) fault ??= `gRPC status ${grpc}`;
    } else if (type === FrameType.RST_STREAM) {
      const code = payload.readUInt32BE(0);
      statuses.push(`RST_STREAM ${code}`);
      if (code === RESET_INTERNAL_ERROR) fault ??= "RST_STREAM INTERNAL_ERROR";
    } else if (type === FrameType.GOAWAY) {
      statuses.push(`GOAWAY ${payload.readUInt32BE(4)}`);
    }
  }
  for (const body of bodies.values()) fault ??= faultInText(body);
  return { fault, statuses };
}

function isFault(grpcStatus: number | undefined): boolean {
  return grpcStatus === INTERNAL || grpcStatus === UNKNOWN;
}

function faultInText(text: string): string | undefined {
  const decoded = text.replaceAll(BASE64, (found) => Buffer.from(found, "base64").toString("latin1"));
  for (const searched of [text, decoded]) {
    for (const [line, status] of searched.matchAll(GRPC_STATUS)) {
      if (isFault(Number(status))) return line.trim();
    }
    const code = JSON_CODE.exec(searched);
    if (code !== null) return code[0].trim();
  }
  return undefined;
}
