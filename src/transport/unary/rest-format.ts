/**
 * REST by google.api.http: JSON bodies, errors as google.rpc.Status.
 *
 * An empty body is `{}`, every content type outside the gRPC family is read as JSON, unknown fields are ignored, path
 * variables win over the body: so does ZITADEL's gateway.
 */
import { create, toJson, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { decodeJson } from "./decode.ts";
import type { FormatLimits } from "./grpc-format.ts";
import { httpStatusOf, statusJson } from "./rest-status.ts";
import { grpcTimeoutMs } from "./timeout.ts";
import type { UnaryFormat } from "./unary-format.ts";

const CONTENT_TYPE = "application/json";

export function createRestFormat({ maxMessageBytes, maxTimeoutMs }: FormatLimits): UnaryFormat {
  return {
    name: "rest",
    maxBodyBytes: maxMessageBytes,
    serves: (exchange) => (exchange.get("content-encoding") ?? "identity") === "identity",
    timeoutMs: (exchange) => grpcTimeoutMs(exchange.get("grpc-timeout"), maxTimeoutMs),
    read: (_exchange, { method, body: field }, body) => {
      if (field === "") return create(method.input);
      const text = body.toString("utf8").trim();
      return field === "*"
        ? decodeJson(method.input, text === "" ? "{}" : text)
        : readField(method.input, field, text === "" ? "{}" : text);
    },
    reply(exchange, { method }, reply, common) {
      const body = JSON.stringify(toJson(method.output, reply));
      exchange.respond(200, { "content-type": CONTENT_TYPE, ...common }, body);
    },
    fail(exchange, error, common) {
      const status = httpStatusOf(error.code);
      const headers = {
        "content-type": CONTENT_TYPE,
        ...common,
        // RFC 9110 section 15.5.2 asks for it.
        ...(status === 401 && { "www-authenticate": "Bearer" }),
      };
      exchange.respond(status, headers, JSON.stringify(statusJson(error)));
    },
  };
}

/** `body: "field"`: the body is the value of one message field. */
function readField(schema: DescMessage, name: string, text: string): Message {
  const field = schema.fields.find((candidate) => candidate.name === name);
  if (field?.fieldKind !== "message") {
    throw new Error(`google.api.http of ${schema.typeName}: the body cannot fill ${name}`);
  }
  const message = create(schema);
  reflect(schema, message).set(field, reflect(field.message, decodeJson(field.message, text)));
  return message;
}
