/**
 * gRPC-Web (PROTOCOL-WEB.md), binary and base64 text, over HTTP/1.1 and HTTP/2: the trailers are a last frame of the body.
 */
import { toBinary } from "@bufbuild/protobuf";
import { failure, FailureError } from "../../verification/failures.ts";
import { decodeBinary } from "./decode.ts";
import { PREFIX_BYTES, unwrapMessage, wrapMessage } from "./envelope.ts";
import type { OutgoingHeaders } from "./exchange.ts";
import { grpcStatus, isUncompressed, type FormatLimits } from "./grpc-format.ts";
import { grpcTimeoutMs } from "./timeout.ts";
import type { UnaryFormat } from "./unary-format.ts";

export const GRPC_WEB_CONTENT_TYPES = ["application/grpc-web", "application/grpc-web+proto"];
export const GRPC_WEB_TEXT_CONTENT_TYPES = ["application/grpc-web-text", "application/grpc-web-text+proto"];

const TRAILER_FLAG = 0x80;
const OK_FRAME = trailerFrame({ "grpc-status": "0" });
/** Base64 texts may follow one another, each with its own padding. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64_PIECE = /[^=]*={0,2}/g;

/** How the body is written: as bytes, or as base64 for clients that cannot read bytes. */
interface Variant {
  readonly contentType: string;
  /** How long a body of so many bytes becomes. */
  encodedBytes(bytes: number): number;
  decode(body: Buffer): Buffer;
  encode(body: Buffer): Buffer | string;
}

const BINARY: Variant = {
  contentType: "application/grpc-web+proto",
  encodedBytes: (bytes) => bytes,
  decode: (body) => body,
  encode: (body) => body,
};

const TEXT: Variant = {
  contentType: "application/grpc-web-text+proto",
  encodedBytes: (bytes) => Math.ceil(bytes / 3) * 4,
  decode: decodeBase64,
  encode: (body) => body.toString("base64"),
};

export function createGrpcWebFormat(limits: FormatLimits, encoding: "binary" | "text"): UnaryFormat {
  const variant = encoding === "binary" ? BINARY : TEXT;
  const headersOf = (common: OutgoingHeaders) => ({ "content-type": variant.contentType, ...common });
  return {
    name: "grpc-web",
    maxBodyBytes: variant.encodedBytes(limits.maxMessageBytes + PREFIX_BYTES),
    serves: (exchange) => exchange.verb === "POST" && isUncompressed(exchange),
    timeoutMs: (exchange) => grpcTimeoutMs(exchange.get("grpc-timeout"), limits.maxTimeoutMs),
    read: (_exchange, { method }, body) =>
      decodeBinary(method.input, unwrapMessage(variant.decode(body), limits.maxMessageBytes)),
    reply(exchange, { method }, reply, common) {
      const message = wrapMessage(toBinary(method.output, reply));
      exchange.respond(200, headersOf(common), variant.encode(Buffer.concat([message, OK_FRAME])));
    },
    fail(exchange, error, common) {
      exchange.respond(200, headersOf(common), variant.encode(trailerFrame(grpcStatus(error))));
    },
  };
}

function trailerFrame(trailers: OutgoingHeaders): Buffer {
  const lines = Object.entries(trailers).map(([name, value]) => `${name}: ${value}\r\n`);
  return wrapMessage(Buffer.from(lines.join("")), TRAILER_FLAG);
}

function decodeBase64(body: Buffer): Buffer {
  const pieces =
    body
      .toString("latin1")
      .match(BASE64_PIECE)
      ?.filter((piece) => piece !== "") ?? [];
  if (!pieces.every((piece) => BASE64.test(piece))) {
    throw new FailureError(failure("REQUEST_MALFORMED", { text: "protocol error: the body is not base64" }));
  }
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
}
