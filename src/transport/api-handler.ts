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
import type { IncomingMessage, ServerResponse } from "node:http";
import { create, type Message } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Call } from "../rpc/call.ts";
import type { Chain } from "../rpc/chain.ts";
import { failureToConnectError, toConnectError } from "../rpc/errors.ts";
import type { ServiceTable } from "../rpc/service-table.ts";
import { failure } from "../verification/failures.ts";
import { ConnectHandler } from "./connect-handler.ts";
import { RouteTable } from "./http-rules.ts";
import { contentTypeOf, send, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { servePage, type Page } from "./page-handler.ts";
import { requestIdOf, REQUEST_ID_HEADER } from "./request-id.ts";
import type { Exchange } from "./unary/exchange.ts";
import type { FormatLimits } from "./unary/grpc-format.ts";
import { Http1Exchange } from "./unary/http1-exchange.ts";
import { Http2Exchange } from "./unary/http2-exchange.ts";
import { throughConnect } from "./unary/through-connect.ts";
import { UnaryHandler, type Invoke, type Resolution } from "./unary/unary-handler.ts";

const LIMITS: FormatLimits = {
  /** Requests are small: the longest fields together stay far below. */
  maxMessageBytes: 1024 * 1024,
  /** A longer timeout than this is refused: nothing here takes minutes. */
  maxTimeoutMs: 5 * 60_000,
};

export interface ApiHandlerOptions {
  readonly chain: Chain;
  readonly services: ServiceTable;
  readonly extraRoutes: (router: ConnectRouter) => void;
  /** Pages by exact path. */
  readonly pages: ReadonlyMap<string, Page>;
  readonly logger: Logger;
  /** false: connect-node serves every call, REST through its handlers too. */
  readonly directUnary: boolean;
}

export class ApiHandler {
  readonly #unary: UnaryHandler;
  readonly #connect: ConnectHandler;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #logger: Logger;

  constructor({ chain, services, extraRoutes, pages, logger, directUnary }: ApiHandlerOptions) {
    const invoke = directUnary
      ? direct(chain, services)
      : throughConnect({ chain, services, limits: LIMITS });
    this.#unary = new UnaryHandler({
      services,
      routes: new RouteTable(services.services),
      invoke,
      limits: LIMITS,
      procedures: directUnary ? "direct" : "connect-node",
    });
    this.#connect = new ConnectHandler({
      chain,
      services,
      extraRoutes,
      limits: LIMITS,
      fallback: (request, response) => this.#answerUnknown(request, response),
    });
    this.#pages = pages;
    this.#logger = logger;
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
    const exchange = exchangeOf(request, response);
    const requestId = requestIdOf(exchange);
    try {
      const page = this.#pages.get(exchange.path);
      if (page !== undefined) this.#servePage(page, request, response, exchange, requestId);
      else if (!this.#tryDirect(exchange, requestId))
        this.#serveProcedure(request, response, exchange, requestId);
    } catch (error) {
      this.#answerBroken(exchange, requestId, error);
    }
  }

  /** Answers one request on an HTTP/2 stream, or leaves it to `request`. @returns whether it was taken; never throws */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const exchange = new Http2Exchange(stream, headers);
    if (this.#pages.has(exchange.path)) return false;
    const requestId = requestIdOf(exchange);
    if (!this.#tryDirect(exchange, requestId)) return false;
    // The answer is all there is to say to a client that broke its stream.
    stream.on("error", () => {});
    return true;
  }

  /** @returns false when the request is connect-node's, or nobody's */
  #tryDirect(exchange: Exchange, requestId: string): boolean {
    const resolution = this.#unary.resolve(exchange);
    switch (resolution.kind) {
      case "direct":
        this.#handle(exchange, resolution, requestId);
        return true;
      case "otherVerbs": {
        const allow = [...new Set(resolution.verbs)].join(", ");
        this.#unary.refuseVerb(exchange, requestId, allow);
        return true;
      }
      case "malformed": {
        const text = "malformed percent-encoding in the path";
        this.#unary.refuse(
          exchange,
          failureToConnectError(failure("REQUEST_MALFORMED", { text })),
          requestId,
        );
        return true;
      }
      default:
        return false;
    }
  }

  #handle(exchange: Exchange, resolution: Extract<Resolution, { kind: "direct" }>, requestId: string): void {
    this.#unary.handle(exchange, resolution, requestId).catch((error: unknown) => {
      this.#logger.error({ err: error, requestId }, "a call could not be answered");
    });
  }

  #serveProcedure(request: NodeRequest, response: NodeResponse, exchange: Exchange, requestId: string): void {
    setApiHeaders(response, requestId);
    const resolution = this.#unary.resolve(exchange);
    const { peerAddress } = exchange;
    if (resolution.kind === "procedure") {
      const arrival = { requestId, peerAddress, bindings: resolution.target.bindings };
      this.#connect.serve(request, response, arrival, resolution.path);
    } else {
      this.#connect.serve(request, response, { requestId, peerAddress, bindings: [] });
    }
  }

  #servePage(
    page: Page,
    request: NodeRequest,
    response: NodeResponse,
    exchange: Exchange,
    requestId: string,
  ): void {
    response.setHeader(REQUEST_ID_HEADER, requestId);
    servePage(page, request, response, exchange.peerAddress).catch((error: unknown) => {
      this.#logger.error({ err: error, requestId }, "a page failed");
      this.#unary.refuse(exchange, toConnectError(error, requestId), requestId);
    });
  }

  /** connect-node throws while it builds a URL from an absurd or missing Host header: the request's fault, not ours. */
  #answerBroken(exchange: Exchange, requestId: string, error: unknown): void {
    this.#logger.debug({ err: error, requestId }, "request refused before it became a call");
    const text = "malformed request line or Host header";
    const headers = exchange.httpVersion === 1 ? { connection: "close" } : {};
    this.#unary.refuse(
      exchange,
      failureToConnectError(failure("REQUEST_MALFORMED", { text })),
      requestId,
      headers,
    );
  }

  /** gRPC and gRPC-Web clients look for a status in headers or trailers, not at the HTTP status. */
  #answerUnknown(request: NodeRequest, response: NodeResponse): void {
    const contentType = contentTypeOf(request);
    if (contentType.startsWith("application/grpc")) {
      const error = failureToConnectError(failure("PROCEDURE_UNKNOWN"));
      const status = {
        "grpc-status": String(error.code),
        "grpc-message": encodeURIComponent(error.rawMessage),
      };
      send(response, 200, { "content-type": contentType, ...status }, "");
      return;
    }
    const exchange = exchangeOf(request, response);
    this.#unary.refuse(exchange, failureToConnectError(failure("ROUTE_NOT_FOUND")), requestIdOf(exchange));
  }
}

/** The direct way of a call: the chain around the handler, the reply completed to a message. */
function direct(chain: Chain, services: ServiceTable): Invoke {
  return (call: Call, request: Message) => {
    const handler = services.handlerOf(call.method);
    return chain.run(call, request, async () => create(call.method.output, await handler(request, call)));
  };
}

function exchangeOf(request: NodeRequest, response: NodeResponse): Exchange {
  return "stream" in response
    ? new Http2Exchange(response.stream, request.headers)
    : new Http1Exchange(request as IncomingMessage, response as ServerResponse);
}

function setApiHeaders(response: NodeResponse, requestId: string): void {
  response.setHeader(REQUEST_ID_HEADER, requestId);
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
}
