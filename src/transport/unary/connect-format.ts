/** The Connect protocol's unary calls (connectrpc.com/docs/protocol), JSON and protobuf: the body is the message. */
import { toBinary, toJson } from "@bufbuild/protobuf";
import { codeToHttpStatus, errorToJson } from "@connectrpc/connect/protocol-connect";
import { retryAfterOf } from "../../rpc/retry-hints.ts";
import { decodeBinary, decodeJson } from "./decode.ts";
import type { FormatLimits } from "./grpc-format.ts";
import { connectTimeoutMs } from "./timeout.ts";
import type { UnaryFormat } from "./unary-format.ts";

export const CONNECT_JSON_CONTENT_TYPES = [
  "application/json",
  "application/json; charset=utf-8",
  "application/json;charset=utf-8",
];
export const CONNECT_PROTO_CONTENT_TYPES = ["application/proto"];

const JSON_CONTENT_TYPE = "application/json";
const PROTO_CONTENT_TYPE = "application/proto";

export function createConnectFormat(
  { maxMessageBytes, maxTimeoutMs }: FormatLimits,
  encoding: "json" | "proto",
): UnaryFormat {
  return {
    name: "connect",
    maxBodyBytes: maxMessageBytes,
    serves: (exchange) =>
      exchange.verb === "POST" && (exchange.get("content-encoding") ?? "identity") === "identity",
    timeoutMs: (exchange) => connectTimeoutMs(exchange.get("connect-timeout-ms"), maxTimeoutMs),
    read: (_exchange, { method }, body) =>
      encoding === "json"
        ? decodeJson(method.input, body.toString("utf8"))
        : decodeBinary(method.input, body),
    reply(exchange, { method }, reply, common) {
      if (encoding === "json") {
        const body = JSON.stringify(toJson(method.output, reply));
        exchange.respond(200, { "content-type": JSON_CONTENT_TYPE, ...common }, body);
      } else {
        const headers = { "content-type": PROTO_CONTENT_TYPE, ...common };
        exchange.respond(200, headers, toBinary(method.output, reply));
      }
    },
    fail(exchange, error, common) {
      const body = JSON.stringify(errorToJson(error, undefined));
      const headers = { "content-type": JSON_CONTENT_TYPE, ...common, ...retryAfterOf(error) };
      exchange.respond(codeToHttpStatus(error.code), headers, body);
    },
  };
}
