/**
 * The REST wire format: google.api.http paths, JSON bodies, errors as google.rpc.Status.
 *
 * An empty body is `{}`, every content type outside the gRPC family is read as JSON, unknown fields are ignored, path
 * variables win over the body: so does ZITADEL's gateway.
 */
import { create, fromJson, toJson, type DescMessage, type JsonValue, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { ConnectError } from "@connectrpc/connect";
import type { Binding, Call } from "../rpc/call.ts";
import type { Chain } from "../rpc/chain.ts";
import { failureToConnectError, toConnectError } from "../rpc/errors.ts";
import { failure, FailureError } from "../verification/failures.ts";
import type { Route } from "./http-rules.ts";
import {
  abortSignalOf,
  BodyTooLargeError,
  headersOf,
  queryOf,
  readBody,
  send,
  type NodeRequest,
  type NodeResponse,
} from "./node-http.ts";
import { httpStatusOf, statusJson } from "./rest-status.ts";
import type { ServiceTable } from "../rpc/service-table.ts";

export interface RestHandlerOptions {
  readonly chain: Chain;
  readonly services: ServiceTable;
  readonly maxBodyBytes: number;
}

export interface RestExchange {
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  readonly route: Route;
  readonly bindings: readonly Binding[];
  readonly requestId: string;
  readonly peerAddress: string;
}

export class RestHandler {
  readonly #options: RestHandlerOptions;

  constructor(options: RestHandlerOptions) {
    this.#options = options;
  }

  /** Answers the exchange, whatever happens; never rejects. */
  async serve(exchange: RestExchange): Promise<void> {
    const { response, route, requestId } = exchange;
    try {
      const message = await this.#readMessage(exchange);
      const call = callOf(exchange);
      const handler = this.#options.services.handlerOf(route.method);
      const reply = await this.#options.chain.run(call, message, () => handler(message, call));
      const { output } = route.method;
      sendJson(response, 200, toJson(output, create(output, reply)));
    } catch (error) {
      sendError(response, toConnectError(error, requestId));
    }
  }

  async #readMessage({ request, route }: RestExchange): Promise<Message> {
    const { input } = route.method;
    if (route.body === "") return create(input);
    const text = await this.#readText(request);
    return decode(input, route.body, text.trim() === "" ? "{}" : text);
  }

  async #readText(request: NodeRequest): Promise<string> {
    try {
      return (await readBody(request, this.#options.maxBodyBytes)).toString("utf8");
    } catch (error) {
      if (!(error instanceof BodyTooLargeError)) throw error;
      throw new FailureError(
        failure("REQUEST_TOO_LARGE", { metadata: { maxBytes: String(this.#options.maxBodyBytes) } }),
      );
    }
  }
}

/** Answers in REST's shape what never became a call. */
export function sendError(
  response: NodeResponse,
  error: ConnectError,
  headers: Record<string, string> = {},
): void {
  const status = httpStatusOf(error.code);
  sendJson(response, status, statusJson(error), {
    ...(status === 401 && { "www-authenticate": "Bearer" }),
    ...headers,
  });
}

export function sendMethodNotAllowed(response: NodeResponse, verbs: readonly string[]): void {
  const allow = [...new Set(verbs)].join(", ");
  sendJson(response, 405, statusJson(failureToConnectError(failure("METHOD_NOT_ALLOWED"))), { allow });
}

function sendJson(
  response: NodeResponse,
  status: number,
  json: JsonValue,
  headers: Record<string, string> = {},
): void {
  send(response, status, { "content-type": "application/json", ...headers }, JSON.stringify(json));
}

function decode(schema: DescMessage, bodyField: string, text: string): Message {
  try {
    const json = JSON.parse(text) as JsonValue;
    if (bodyField === "*") return fromJson(schema, json, { ignoreUnknownFields: true });
    const field = schema.fields.find((candidate) => candidate.name === bodyField);
    if (field?.message === undefined) throw new Error(`the body cannot fill the field ${bodyField}`);
    const message = create(schema);
    const value = fromJson(field.message, json, { ignoreUnknownFields: true });
    if (field.fieldKind === "message") reflect(schema, message).set(field, reflect(field.message, value));
    return message;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new FailureError(failure("REQUEST_MALFORMED", { text: problem }), { cause: error });
  }
}

function callOf({ request, response, route, bindings, requestId, peerAddress }: RestExchange): Call {
  const fromQuery =
    route.body === "*"
      ? []
      : [...queryOf(request)].map(([name, value]) => ({ path: name.split("."), value }));
  return {
    method: route.method,
    format: "rest",
    headers: headersOf(request),
    peerAddress,
    requestId,
    signal: abortSignalOf(response),
    bindings: [...fromQuery, ...bindings],
    caller: { kind: "anonymous" },
  };
}
