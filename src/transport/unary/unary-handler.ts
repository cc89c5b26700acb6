/**
 * The direct path of unary calls: one exchange, one format, one call, one answer.
 *
 *     request -> (method, values from the path) x (format by content type)
 *             -> authenticate by the headers -> read the message -> the chain -> write the reply or the error
 *
 * connect-node serves the same calls at about ten times the cost, which is why plain ones come here; it stays the
 * reference, and everything unusual goes to it: streams, compressed bodies, Connect GET, unknown content types.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Arrival, Call } from "../../rpc/call.ts";
import type { CallLog } from "../../rpc/call-log.ts";
import { failureToConnectError, reasonOf, toConnectError } from "../../rpc/errors.ts";
import type { ServiceTable } from "../../rpc/service-table.ts";
import { failure } from "../../verification/failures.ts";
import type { AnswerHeaders } from "../answer-headers.ts";
import { PROCEDURE_MAPPING, type RouteTable } from "../http-rules.ts";
import {
  createConnectFormat,
  CONNECT_JSON_CONTENT_TYPES,
  CONNECT_PROTO_CONTENT_TYPES,
} from "./connect-format.ts";
import { tooLarge } from "./envelope.ts";
import { BodyTooLargeError, ClientGoneError, type Exchange, type OutgoingHeaders } from "./exchange.ts";
import { createGrpcFormat, GRPC_CONTENT_TYPES, type FormatLimits } from "./grpc-format.ts";
import {
  createGrpcWebFormat,
  GRPC_WEB_CONTENT_TYPES,
  GRPC_WEB_TEXT_CONTENT_TYPES,
} from "./grpc-web-format.ts";
import { createRestFormat } from "./rest-format.ts";
import { statusJson } from "./rest-status.ts";
import type { UnaryFormat, UnaryTarget } from "./unary-format.ts";

/** Finds out who calls, from the headers. @throws ConnectError, which the log has */
export type Open = (call: Call) => Promise<void>;

/** Takes a call through the chain to its handler. */
export type Invoke = (call: Call, request: Message) => Promise<Message>;

export interface UnaryHandlerOptions {
  readonly services: ServiceTable;
  readonly routes: RouteTable;
  readonly open: Open;
  readonly invoke: Invoke;
  readonly callLog: CallLog;
  readonly limits: FormatLimits;
  readonly headersOf: AnswerHeaders;
  /** Who serves calls at procedure paths; REST is always read here. */
  readonly procedures: "direct" | "connect-node";
}

/** What is to be done with a request. */
export type Resolution =
  | { readonly kind: "direct"; readonly target: UnaryTarget; readonly format: UnaryFormat }
  /** connect-node's, as the procedure at `path`. */
  | { readonly kind: "procedure"; readonly target: UnaryTarget; readonly path: string }
  | { readonly kind: "otherVerbs"; readonly verbs: readonly string[] }
  | { readonly kind: "malformed" }
  | { readonly kind: "unknown" };

/** Where a request is on its way; the chain tells the log by itself what went wrong there. */
type Stage = "reading" | "with the chain" | "replying";

/** The reason in the log for a request that its client broke off. */
const CLIENT_GONE = "CLIENT_GONE";

export class UnaryHandler {
  readonly #open: Open;
  readonly #invoke: Invoke;
  readonly #callLog: CallLog;
  readonly #routes: RouteTable;
  readonly #limits: FormatLimits;
  readonly #headersOf: AnswerHeaders;
  readonly #procedures = new Map<string, UnaryTarget>();
  readonly #formats = new Map<string, UnaryFormat>();
  readonly #rest: UnaryFormat;

  constructor({
    services,
    routes,
    open,
    invoke,
    callLog,
    limits,
    headersOf,
    procedures,
  }: UnaryHandlerOptions) {
    this.#open = open;
    this.#invoke = invoke;
    this.#callLog = callLog;
    this.#routes = routes;
    this.#limits = limits;
    this.#headersOf = headersOf;
    this.#rest = createRestFormat(limits);
    if (procedures === "direct") this.#addProcedureFormats(limits);
    for (const method of services.methods) {
      this.#procedures.set(procedurePath(method), { method, bindings: [], mapping: PROCEDURE_MAPPING });
    }
  }

  /** Looks at the request line and the headers only. */
  resolve(exchange: Exchange): Resolution {
    const contentType = exchange.get("content-type")?.toLowerCase() ?? "";
    const procedure = this.#procedures.get(exchange.path);
    if (procedure !== undefined) {
      return this.#choose(exchange, procedure, this.#formats.get(contentType), exchange.path);
    }
    const match = this.#routes.match(exchange.verb, exchange.path);
    if (match.kind !== "found") return match;
    const { method } = match.route;
    const target = { method, bindings: match.bindings, mapping: match.route };
    // gRPC is always POST: what other requests say of their type is no matter.
    if (exchange.verb === "POST" && contentType.startsWith("application/grpc")) {
      return this.#choose(exchange, target, this.#formats.get(contentType), procedurePath(method));
    }
    return { kind: "direct", target, format: this.#rest };
  }

  /** Answers the exchange, whatever happens; never rejects. */
  async handle(
    exchange: Exchange,
    { target, format }: Extract<Resolution, { kind: "direct" }>,
    arrival: Arrival,
  ): Promise<void> {
    const common = this.#headersOf(exchange, arrival.requestId, format.name);
    let call: Call | undefined;
    let stage: Stage = "reading";
    try {
      const timeoutMs = format.timeoutMs(exchange);
      call = {
        ...arrival,
        method: target.method,
        format: format.name,
        headers: exchange,
        timeoutMs,
        goneSignal: () => exchange.goneSignal(),
        bindings: target.bindings,
        caller: { kind: "anonymous" },
        isAuthenticated: false,
      };
      stage = "with the chain";
      await this.#open(call);
      call.isAuthenticated = true;
      stage = "reading";
      const body = await exchange.readBody(format.maxBodyBytes);
      const request = format.read(exchange, target, body);
      stage = "with the chain";
      const reply = await this.#invoke(call, request);
      stage = "replying";
      const headers = call.replyHeaders === undefined ? common : { ...common, ...call.replyHeaders };
      format.reply(exchange, target, reply, headers);
    } catch (error) {
      const isGone = error instanceof ClientGoneError;
      const mapped = this.#toConnectError(error, arrival.requestId);
      if (stage === "reading") {
        const reason = isGone ? CLIENT_GONE : reasonOf(mapped);
        const refusal = { ...arrival, method: target.method, format: format.name, reason };
        const isOurFault = !isGone && mapped.code === Code.Internal;
        this.#callLog.refused(refusal, isOurFault ? error : undefined);
      } else if (stage === "replying" && call !== undefined) {
        this.#callLog.unanswered(call, error);
      }
      if (!isGone) format.fail(exchange, mapped, common);
    }
  }

  /** Answers in REST's shape what never became a call. */
  refuse(exchange: Exchange, error: ConnectError, requestId: string, headers: OutgoingHeaders = {}): void {
    this.#rest.fail(exchange, error, { ...this.#headersOf(exchange, requestId), ...headers });
  }

  /** 405 has no code of its own in gRPC: UNIMPLEMENTED in the body, as ZITADEL's gateway answers. */
  refuseVerb(exchange: Exchange, requestId: string, allow: string): void {
    const error = failureToConnectError(failure("METHOD_NOT_ALLOWED"));
    const headers = { "content-type": "application/json", allow, ...this.#headersOf(exchange, requestId) };
    exchange.respond(405, headers, JSON.stringify(statusJson(error)));
  }

  #addProcedureFormats(limits: FormatLimits): void {
    this.#serve(createGrpcFormat(limits), GRPC_CONTENT_TYPES);
    this.#serve(createGrpcWebFormat(limits, "binary"), GRPC_WEB_CONTENT_TYPES);
    this.#serve(createGrpcWebFormat(limits, "text"), GRPC_WEB_TEXT_CONTENT_TYPES);
    this.#serve(createConnectFormat(limits, "json"), CONNECT_JSON_CONTENT_TYPES);
    this.#serve(createConnectFormat(limits, "proto"), CONNECT_PROTO_CONTENT_TYPES);
  }

  #serve(format: UnaryFormat, contentTypes: readonly string[]): void {
    for (const contentType of contentTypes) this.#formats.set(contentType, format);
  }

  #choose(
    exchange: Exchange,
    target: UnaryTarget,
    format: UnaryFormat | undefined,
    path: string,
  ): Resolution {
    return format !== undefined && format.serves(exchange)
      ? { kind: "direct", target, format }
      : { kind: "procedure", target, path };
  }

  #toConnectError(error: unknown, requestId: string): ConnectError {
    const cause = error instanceof BodyTooLargeError ? tooLarge(this.#limits.maxMessageBytes) : error;
    return toConnectError(cause, requestId);
  }
}

function procedurePath({ parent, name }: UnaryTarget["method"]): string {
  return `/${parent.typeName}/${name}`;
}
