/**
 * Decides for each request on the one port which part answers it.
 *
 * - a page's path goes to the page;
 * - a unary call in a plain form goes to the direct path, whatever its format (transport/unary/);
 * - any other request for a procedure goes to connect-node;
 * - anything else is answered 404, in the shape of the format that asked.
 *
 * Nothing a client sends may end the process: whatever a handler throws is answered here.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { IncomingMessage } from "node:http";
import { create, type Message } from "@bufbuild/protobuf";
import { ConnectError, type ConnectRouter } from "@connectrpc/connect";
import type { Logger } from "../observability/logger.ts";
import type { Arrival, Call } from "../rpc/call.ts";
import type { CallLog } from "../rpc/call-log.ts";
import type { Chain } from "../rpc/chain.ts";
import { failureToConnectError, reasonOf, toConnectError } from "../rpc/errors.ts";
import type { ServiceTable } from "../rpc/service-table.ts";
import { failure } from "../verification/failures.ts";
import { answerHeaders, type AnswerHeaders } from "./answer-headers.ts";
import { arrivalOf } from "./arrival.ts";
import { ClientAddresses } from "./client-addresses.ts";
import { ConnectHandler } from "./connect-handler.ts";
import { Cors, type AllowedOrigins } from "./cors.ts";
import { RouteTable } from "./http-rules.ts";
import { faultOf, readAbsoluteForm } from "./http1-guard.ts";
import { MAX_CALL_TIMEOUT_MS, MAX_MESSAGE_BYTES } from "./limits.ts";
import { contentTypeOf, send, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { servePage, type Page } from "./page-handler.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";
import { ClientGoneError, type Exchange, type OutgoingHeaders } from "./unary/exchange.ts";
import { grpcStatus, type FormatLimits } from "./unary/grpc-format.ts";
import { Http1Exchange } from "./unary/http1-exchange.ts";
import { Http2Exchange } from "./unary/http2-exchange.ts";
import { throughConnect } from "./unary/through-connect.ts";
import { UnaryHandler, type Invoke, type Resolution } from "./unary/unary-handler.ts";

const LIMITS: FormatLimits = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxTimeoutMs: MAX_CALL_TIMEOUT_MS,
};

/** For the log, where no answer was sent: what nginx and grpc-gateway write there. */
const CLIENT_GONE_STATUS = 499;

export interface ApiHandlerOptions {
  readonly chain: Chain;
  readonly services: ServiceTable;
  readonly extraRoutes: (router: ConnectRouter) => void;
  /** Pages by exact path. */
  readonly pages: ReadonlyMap<string, Page>;
  readonly callLog: CallLog;
  readonly logger: Logger;
  /** Browser origins that may call. */
  readonly corsOrigins: AllowedOrigins;
  /** Proxies whose word on who their client is counts: addresses and networks. Default: none. */
  readonly trustedProxies?: readonly string[];
  /** Milliseconds in which a client has to take a message of a stream. Default: the listener's limit for answers. */
  readonly messageTimeoutMs?: number | undefined;
  /** false: connect-node serves every call, REST through its handlers too. */
  readonly directUnary: boolean;
}

export class ApiHandler {
  readonly #unary: UnaryHandler;
  readonly #connect: ConnectHandler;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #cors: Cors;
  readonly #clients: ClientAddresses;
  readonly #headersOf: AnswerHeaders;
  readonly #callLog: CallLog;
  readonly #logger: Logger;

  constructor(options: ApiHandlerOptions) {
    const { chain, services, extraRoutes, pages, callLog, logger, corsOrigins, directUnary } = options;
    this.#cors = new Cors(corsOrigins);
    this.#clients = new ClientAddresses(options.trustedProxies ?? []);
    this.#headersOf = answerHeaders(this.#cors, (path) => pages.has(path));
    const invoke = directUnary
      ? direct(chain, services)
      : throughConnect({ chain, services, limits: LIMITS });
    this.#unary = new UnaryHandler({
      services,
      routes: new RouteTable(services.services),
      open: (call) => chain.open(call),
      invoke,
      callLog,
      limits: LIMITS,
      headersOf: this.#headersOf,
      procedures: directUnary ? "direct" : "connect-node",
    });
    this.#connect = new ConnectHandler({
      chain,
      services,
      extraRoutes,
      limits: LIMITS,
      messageTimeoutMs: options.messageTimeoutMs,
      callLog,
      logger,
      fallback: (request, response, arrival) => this.#answerUnknown(request, response, arrival),
    });
    this.#pages = pages;
    this.#callLog = callLog;
    this.#logger = logger;
  }

  /** Ends with UNAVAILABLE the streams of our own services: they would hold up a stop for nothing. */
  endWatches(): void {
    this.#connect.endWatches();
  }

  /** Ends open streams with UNAVAILABLE. */
  endStreams(): void {
    this.#connect.endStreams();
  }

  /** Answers one request; never throws. */
  request(request: NodeRequest, response: NodeResponse): void {
    // A request or a response may fail after its handler is done with it.
    request.on("error", () => {});
    response.on("error", () => {});
    if (!("stream" in response)) readAbsoluteForm(request as IncomingMessage);
    const exchange = exchangeOf(request, response);
    const arrival = arrivalOf(exchange, this.#clients);
    try {
      const fault = "stream" in response ? undefined : faultOf(request as IncomingMessage);
      if (fault !== undefined) {
        this.#answerBroken(exchange, arrival, fault);
        return;
      }
      const page = this.#pages.get(exchange.path);
      if (page !== undefined) this.#servePage(page, request, response, exchange, arrival);
      else if (!this.#tryDirect(exchange, arrival))
        this.#serveProcedure(request, response, exchange, arrival);
    } catch (error) {
      // A URL cannot be built from the Host header: the request's fault, not ours. Anything else is a bug.
      const isRequestsFault = error instanceof ConnectError || isUrlError(error);
      if (!isRequestsFault)
        this.#logger.error({ err: error, requestId: arrival.requestId }, "a request was lost");
      this.#answerBroken(exchange, arrival, "malformed request line or Host header");
    }
  }

  unreadable(reason: string, arrival: Arrival): void {
    this.#callLog.refused({ ...arrival, reason });
  }

  /** Answers one request on an HTTP/2 stream, or leaves it to `request`. @returns whether it was taken; never throws */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const exchange = new Http2Exchange(stream, headers);
    if (this.#pages.has(exchange.path)) return false;
    if (!this.#tryDirect(exchange, arrivalOf(exchange, this.#clients))) return false;
    // The answer is all there is to say to a client that broke its stream.
    stream.on("error", () => {});
    return true;
  }

  /** @returns false when the request is connect-node's, or nobody's */
  #tryDirect(exchange: Exchange, arrival: Arrival): boolean {
    const preflight = this.#cors.preflightOf(exchange);
    if (preflight !== undefined) {
      exchange.respond(204, { ...preflight, [REQUEST_ID_HEADER]: arrival.requestId }, "");
      return true;
    }
    const resolution = this.#unary.resolve(exchange);
    switch (resolution.kind) {
      case "direct":
        this.#handle(exchange, resolution, arrival);
        return true;
      case "otherVerbs": {
        const allow = [...new Set(resolution.verbs)].join(", ");
        this.#callLog.refused({ ...arrival, reason: "METHOD_NOT_ALLOWED" });
        this.#unary.refuseVerb(exchange, arrival.requestId, allow);
        return true;
      }
      case "malformed": {
        const text = "malformed percent-encoding in the path";
        this.#refuse(exchange, arrival, failureToConnectError(failure("REQUEST_MALFORMED", { text })));
        return true;
      }
      default:
        return false;
    }
  }

  #handle(exchange: Exchange, resolution: Extract<Resolution, { kind: "direct" }>, arrival: Arrival): void {
    this.#unary.handle(exchange, resolution, arrival).catch((error: unknown) => {
      this.#logger.error({ err: error, requestId: arrival.requestId }, "a call could not be answered");
    });
  }

  #serveProcedure(request: NodeRequest, response: NodeResponse, exchange: Exchange, arrival: Arrival): void {
    const format = isNativeGrpc(exchange) ? "grpc" : undefined;
    for (const [name, value] of Object.entries(this.#headersOf(exchange, arrival.requestId, format))) {
      response.setHeader(name, value);
    }
    const resolution = this.#unary.resolve(exchange);
    if (resolution.kind === "procedure") {
      const { bindings } = resolution.target;
      this.#connect.serve(request, response, { ...arrival, bindings }, resolution.path);
    } else {
      this.#connect.serve(request, response, { ...arrival, bindings: [] });
    }
  }

  #servePage(
    page: Page,
    request: NodeRequest,
    response: NodeResponse,
    exchange: Exchange,
    arrival: Arrival,
  ): void {
    const { requestId } = arrival;
    response.setHeader(REQUEST_ID_HEADER, requestId);
    response.once("close", () => {
      const { path, verb } = exchange;
      const httpStatus = response.headersSent ? response.statusCode : CLIENT_GONE_STATUS;
      this.#callLog.page({ ...arrival, path, verb, httpStatus });
    });
    servePage(page, request, response, { address: arrival.clientAddress, requestId }).catch(
      (error: unknown) => {
        if (error instanceof ClientGoneError) return;
        this.#logger.error({ err: error, requestId }, "a page failed");
        this.#unary.refuse(exchange, toConnectError(error, requestId), requestId);
      },
    );
  }

  /** Refuses in REST's shape what never becomes a call. */
  #refuse(exchange: Exchange, arrival: Arrival, error: ConnectError, headers: OutgoingHeaders = {}): void {
    this.#callLog.refused({ ...arrival, reason: reasonOf(error) });
    this.#unary.refuse(exchange, error, arrival.requestId, headers);
  }

  /** What is wrong may be where the request ends: over HTTP/1.1 nothing more is read. */
  #answerBroken(exchange: Exchange, arrival: Arrival, text: string): void {
    const headers = exchange.httpVersion === 1 ? { connection: "close" } : {};
    this.#refuse(exchange, arrival, failureToConnectError(failure("REQUEST_MALFORMED", { text })), headers);
  }

  /** gRPC and gRPC-Web clients look for a status in headers or trailers, not at the HTTP status. */
  #answerUnknown(request: NodeRequest, response: NodeResponse, arrival: Arrival): void {
    const contentType = contentTypeOf(request);
    if (contentType.startsWith("application/grpc")) {
      const error = failureToConnectError(failure("PROCEDURE_UNKNOWN"));
      this.#callLog.refused({ ...arrival, reason: reasonOf(error) });
      send(response, 200, { "content-type": contentType, ...grpcStatus(error) }, "");
      return;
    }
    const exchange = exchangeOf(request, response);
    this.#refuse(exchange, arrival, failureToConnectError(failure("ROUTE_NOT_FOUND")));
  }
}

/** The direct way of a call: the chain around the handler, the reply completed to a message. */
function direct(chain: Chain, services: ServiceTable): Invoke {
  return (call: Call, request: Message) => {
    const handler = services.handlerOf(call.method);
    return chain.run(call, request, async () => create(call.method.output, await handler(request, call)));
  };
}

function isUrlError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ERR_INVALID_URL";
}

function exchangeOf(request: NodeRequest, response: NodeResponse): Exchange {
  return "stream" in response
    ? new Http2Exchange(response.stream, request.headers)
    : new Http1Exchange(request as IncomingMessage, response);
}

function isNativeGrpc(exchange: Exchange): boolean {
  return /^application\/grpc(?:[+;]|$)/i.test(exchange.get("content-type") ?? "");
}
