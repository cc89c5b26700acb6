/**
 * REST by google.api.http: JSON bodies, query parameters, errors as google.rpc.Status.
 *
 * An empty body is `{}`, every content type outside the gRPC family is read as JSON, unknown fields are ignored, path
 * variables win over the body: so does ZITADEL's gateway.
 */
import { isUtf8 } from "node:buffer";
import {
  create,
  toJson,
  type DescField,
  type JsonObject,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import { retryAfterOf } from "../../rpc/retry-hints.ts";
import { failure, FailureError } from "../../verification/failures.ts";
import type { HttpMapping } from "../http-rules.ts";
import { decodeJson, decodeJsonField } from "./decode.ts";
import type { Exchange } from "./exchange.ts";
import type { FormatLimits } from "./grpc-format.ts";
import { applyQuery } from "./rest-query.ts";
import { httpStatusOf, statusJson } from "./rest-status.ts";
import { grpcTimeoutMs } from "./timeout.ts";
import type { UnaryFormat, UnaryTarget } from "./unary-format.ts";

const CONTENT_TYPE = "application/json";

export function createRestFormat({ maxMessageBytes, maxTimeoutMs }: FormatLimits): UnaryFormat {
  return {
    name: "rest",
    maxBodyBytes: maxMessageBytes,
    // Nobody else could: what it cannot read it refuses.
    serves: () => true,
    timeoutMs: (exchange) => grpcTimeoutMs(exchange.get("grpc-timeout"), maxTimeoutMs),
    read(exchange, target, body) {
      const message = readBody(exchange, target, body);
      applyQuery(target.method.input, message, exchange.query, target.mapping);
      return message;
    },
    reply(exchange, { method, mapping }, reply, common) {
      const json = bodyOf(toJson(method.output, reply) as JsonObject, mapping.responseBody);
      exchange.respond(
        mapping.successStatus,
        { "content-type": CONTENT_TYPE, ...common },
        JSON.stringify(json),
      );
    },
    fail(exchange, error, common) {
      const status = httpStatusOf(error.code);
      const headers = {
        "content-type": CONTENT_TYPE,
        ...common,
        ...retryAfterOf(error),
        // RFC 9110 section 15.5.2 asks for it.
        ...(status === 401 && { "www-authenticate": "Bearer" }),
      };
      exchange.respond(status, headers, JSON.stringify(statusJson(error)));
    },
  };
}

/** @throws FailureError */
function readBody(exchange: Exchange, { method, mapping }: UnaryTarget, body: Buffer): Message {
  const schema = method.input;
  if (mapping.body === undefined) return create(schema);
  const encoding = exchange.get("content-encoding") ?? "identity";
  if (encoding !== "identity") throw unreadable(`content-encoding ${encoding} is not served on REST paths`);
  if (!isUtf8(body)) throw unreadable("the body is not UTF-8");
  const text = body.toString("utf8").trim();
  if (mapping.body === "message") return decodeJson(schema, text === "" ? "{}" : text);
  if (text !== "") return decodeJsonField(schema, mapping.body, text);
  return mapping.body.fieldKind === "message" ? decodeJsonField(schema, mapping.body, "{}") : create(schema);
}

function unreadable(text: string): FailureError {
  return new FailureError(failure("REQUEST_MALFORMED", { text }));
}

/** `response_body`: the field alone. protojson leaves out what is empty; a body cannot. */
function bodyOf(reply: JsonObject, field: HttpMapping["responseBody"]): JsonValue {
  return field === "message" ? reply : (reply[field.jsonName] ?? emptyJson(field));
}

function emptyJson(field: DescField): JsonValue {
  const { parent, jsonName } = field;
  const empty = toJson(parent, create(parent), { alwaysEmitImplicit: true }) as JsonObject;
  return empty[jsonName] ?? null;
}
