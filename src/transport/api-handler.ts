/**
 * Decides for each request on the one port which part answers it.
 *
 * - a page's path goes to the page;
 * - a google.api.http path goes to REST, or, with a content type of the gRPC family, to the same method's procedure with
 *   the path variables bound (the seed's endpoint lists all three content types);
 * - a procedure's path goes to connect-node;
 * - anything else is answered 404, in the shape of the format that asked.
 *
 * Nothing a client sends may end the process: whatever a handler throws is answered here.
 */
import type { ConnectRouter } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Chain } from "../rpc/chain.ts";
import { failureToConnectError, toConnectError } from "../rpc/errors.ts";
import { failure } from "../verification/failures.ts";
import { ConnectHandler } from "./connect-handler.ts";
import { RouteTable, type Route } from "./http-rules.ts";
import { contentTypeOf, pathOf, send, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { servePage, type Page } from "./page-handler.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "./request-id.ts";
import { RestHandler, sendError, sendMethodNotAllowed } from "./rest-handler.ts";
import type { ServiceTable } from "../rpc/service-table.ts";

/** Requests are small: the longest fields together stay far below. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** A longer timeout than this is refused: nothing here takes minutes. */
const MAX_DEADLINE_MS = 5 * 60_000;

export interface ApiHandlerOptions {
  readonly chain: Chain;
  readonly services: ServiceTable;
  readonly extraRoutes: (router: ConnectRouter) => void;
  /** Pages by exact path. */
  readonly pages: ReadonlyMap<string, Page>;
  readonly logger: Logger;
}

export class ApiHandler {
  readonly #routes: RouteTable;
  readonly #rest: RestHandler;
  readonly #connect: ConnectHandler;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #logger: Logger;

  constructor({ chain, services, extraRoutes, pages, logger }: ApiHandlerOptions) {
    this.#routes = new RouteTable(services.services);
    this.#rest = new RestHandler({ chain, services, maxBodyBytes: MAX_MESSAGE_BYTES });
    this.#connect = new ConnectHandler({
      chain,
      services,
      extraRoutes,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      maxDeadlineMs: MAX_DEADLINE_MS,
      fallback: (request, response) => answerUnknown(request, response),
    });
    this.#pages = pages;
    this.#logger = logger;
  }

  /** Ends open streams with UNAVAILABLE. */
  endStreams(): void {
    this.#connect.endStreams();
  }

  /** Answers one request; never throws. */
  handle(request: NodeRequest, response: NodeResponse): void {
    const requestId = requestIdOf(request);
    // A request or a response may fail after its handler is done with it.
    request.on("error", () => {});
    response.on("error", () => {});
    try {
      response.setHeader(REQUEST_ID_HEADER, requestId);
      response.setHeader("cache-control", "no-store");
      response.setHeader("x-content-type-options", "nosniff");
      this.#dispatch(request, response, requestId).catch((error: unknown) => {
        this.#logger.error({ err: error, requestId }, "request failed");
        sendError(response, toConnectError(error, requestId));
      });
    } catch (error) {
      this.#answerBroken(request, response, error);
    }
  }

  async #dispatch(request: NodeRequest, response: NodeResponse, requestId: string): Promise<void> {
    const path = pathOf(request);
    const peerAddress = request.socket.remoteAddress ?? "";
    const page = this.#pages.get(path);
    if (page !== undefined) return servePage(page, request, response, peerAddress);

    const match = this.#routes.match(request.method ?? "", path);
    switch (match.kind) {
      case "found": {
        const arrival = { requestId, peerAddress, bindings: match.bindings };
        if (!isGrpcFamily(request)) {
          return this.#rest.serve({ request, response, route: match.route, ...arrival });
        }
        return this.#serveProcedure(request, response, arrival, procedureOf(match.route));
      }
      case "otherVerbs":
        return sendMethodNotAllowed(response, match.verbs);
      case "malformed":
        return sendError(
          response,
          failureToConnectError(
            failure("REQUEST_MALFORMED", { text: "malformed percent-encoding in the path" }),
          ),
        );
      case "unknown":
        return this.#serveProcedure(request, response, { requestId, peerAddress, bindings: [] });
    }
  }

  #serveProcedure(
    request: NodeRequest,
    response: NodeResponse,
    arrival: Parameters<ConnectHandler["serve"]>[2],
    path?: string,
  ): void {
    try {
      this.#connect.serve(request, response, arrival, path);
    } catch (error) {
      this.#answerBroken(request, response, error);
    }
  }

  /** connect-node throws while it builds a URL from an absurd or missing Host header: the request's fault, not ours. */
  #answerBroken(request: NodeRequest, response: NodeResponse, error: unknown): void {
    this.#logger.debug({ err: error }, "request refused before it became a call");
    sendError(
      response,
      failureToConnectError(failure("REQUEST_MALFORMED", { text: "malformed request line or Host header" })),
      request.httpVersionMajor === 1 ? { connection: "close" } : {},
    );
  }
}

function isGrpcFamily(request: NodeRequest): boolean {
  return contentTypeOf(request).startsWith("application/grpc");
}

function procedureOf({ method }: Route): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** gRPC and gRPC-Web clients look for a status in headers or trailers, not at the HTTP status (trailers-only answers). */
function answerUnknown(request: NodeRequest, response: NodeResponse): void {
  if (isGrpcFamily(request)) {
    const error = failureToConnectError(failure("PROCEDURE_UNKNOWN"));
    send(
      response,
      200,
      {
        "content-type": contentTypeOf(request),
        "grpc-status": String(error.code),
        "grpc-message": encodeURIComponent(error.rawMessage),
      },
      "",
    );
    return;
  }
  sendError(response, failureToConnectError(failure("ROUTE_NOT_FOUND")));
}
