/**
 * gRPC over HTTP/2 (PROTOCOL-HTTP2.md): a framed message each way, the status in trailers.
 *
 * Not served here: compression, gRPC with JSON, gRPC over HTTP/1.1 (which has no trailers to speak of).
 */
import { toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { Exchange, OutgoingHeaders } from "./exchange.ts";
import { decodeBinary } from "./decode.ts";
import { PREFIX_BYTES, unwrapMessage, wrapMessage } from "./envelope.ts";
import { grpcTimeoutMs } from "./timeout.ts";
import type { UnaryFormat } from "./unary-format.ts";

export const GRPC_CONTENT_TYPES = ["application/grpc", "application/grpc+proto"];
const RESPONSE_CONTENT_TYPE = "application/grpc+proto";
const OK_TRAILERS: OutgoingHeaders = { "grpc-status": "0" };

export interface FormatLimits {
  readonly maxMessageBytes: number;
  /** Longer time-outs of clients are refused. */
  readonly maxTimeoutMs: number;
}

export function createGrpcFormat({ maxMessageBytes, maxTimeoutMs }: FormatLimits): UnaryFormat {
  return {
    name: "grpc",
    maxBodyBytes: maxMessageBytes + PREFIX_BYTES,
    serves: (exchange) => exchange.httpVersion === 2 && exchange.verb === "POST" && isUncompressed(exchange),
    timeoutMs: (exchange) => grpcTimeoutMs(exchange.get("grpc-timeout"), maxTimeoutMs),
    read: (_exchange, { method }, body) => decodeBinary(method.input, unwrapMessage(body, maxMessageBytes)),
    reply(exchange, { method }, reply, common) {
      const headers = { "content-type": RESPONSE_CONTENT_TYPE, ...common };
      exchange.respond(200, headers, wrapMessage(toBinary(method.output, reply)), OK_TRAILERS);
    },
    /** Trailers-only: the status travels with the headers. */
    fail(exchange, error, common) {
      exchange.respond(200, { "content-type": RESPONSE_CONTENT_TYPE, ...common, ...grpcStatus(error) }, "");
    },
  };
}

/** `identity` is what no header means too. */
export function isUncompressed(exchange: Exchange): boolean {
  const encoding = exchange.get("grpc-encoding");
  return encoding === null || encoding === "identity";
}

/** grpc-status, grpc-message and grpc-status-details-bin of an error. */
export function grpcStatus(error: ConnectError): OutgoingHeaders {
  return Object.fromEntries(setTrailerStatus(new Headers(), error));
}
