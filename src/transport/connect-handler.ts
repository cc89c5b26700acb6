/**
 * gRPC, gRPC-Web and Connect through connect-node, for the same functions and the same chain as the direct path.
 *
 * ONE interceptor takes connect-node's requests to the chain. What a request brings beside its message (peer, request
 * id, values bound from a REST path) travels in the context values.
 */
import type { DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextKey,
  createContextValues,
  type ConnectRouter,
  type ConnectRouterOptions,
  type HandlerContext,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Binding, Call, WireFormat } from "../rpc/call.ts";
import type { Chain } from "../rpc/chain.ts";
import type { ServiceTable } from "../rpc/service-table.ts";
import type { NodeHandler, NodeRequest, NodeResponse } from "./node-http.ts";
import type { FormatLimits } from "./unary/grpc-format.ts";
import { connectTimeoutMs, grpcTimeoutMs } from "./unary/timeout.ts";

/** What the transport knows of a request and connect-node does not carry. */
export interface Arrival {
  readonly requestId: string;
  readonly peerAddress: string;
  readonly bindings: readonly Binding[];
}

export interface ConnectHandlerOptions {
  readonly chain: Chain;
  readonly services: ServiceTable;
  /** Adds what is served beside the unary services: health, reflection. */
  readonly extraRoutes: (router: ConnectRouter) => void;
  readonly limits: FormatLimits;
  /** Where requests go whose path is no procedure. */
  readonly fallback: NodeHandler;
}

const ARRIVAL = createContextKey<Arrival>({ requestId: "", peerAddress: "", bindings: [] });
const CALL = createContextKey<Call | undefined>(undefined);

export class ConnectHandler {
  readonly #adapter: NodeHandler;
  readonly #arrivals = new WeakMap<NodeRequest, Arrival>();
  readonly #shutdown = new AbortController();

  constructor(options: ConnectHandlerOptions) {
    const { services, extraRoutes, fallback } = options;
    this.#adapter = connectNodeAdapter({
      ...routerOptions(options),
      routes: (router) => {
        addServices(router, services);
        extraRoutes(router);
      },
      contextValues: (request) => {
        const arrival = this.#arrivals.get(request);
        const values = createContextValues();
        return arrival === undefined ? values : values.set(ARRIVAL, arrival);
      },
      shutdownSignal: this.#shutdown.signal,
      fallback: fallback as ReturnType<typeof connectNodeAdapter>,
    });
  }

  /** @param path the procedure to serve, where it differs from the request's own path */
  serve(request: NodeRequest, response: NodeResponse, arrival: Arrival, path?: string): void {
    this.#arrivals.set(request, arrival);
    if (path !== undefined) request.url = path;
    this.#adapter(request, response);
  }

  /** Ends open streams with UNAVAILABLE; unary calls in flight are refused the same way. */
  endStreams(): void {
    this.#shutdown.abort(new ConnectError("the server is shutting down", Code.Unavailable));
  }
}

/** Names the call that a request of an in-memory client belongs to; such calls wait under their ticket. */
export const TICKET_HEADER = "x-countersign-ticket";

/** Limits and the interceptor, for every way into connect's handlers. */
export function routerOptions(
  { chain, limits }: Pick<ConnectHandlerOptions, "chain" | "limits">,
  waiting: ReadonlyMap<string, Call> = new Map(),
): ConnectRouterOptions {
  return {
    interceptors: [throughChain(chain, limits, waiting)],
    readMaxBytes: limits.maxMessageBytes,
    writeMaxBytes: limits.maxMessageBytes,
    maxTimeoutMs: limits.maxTimeoutMs,
  };
}

export function addServices(router: ConnectRouter, services: ServiceTable): void {
  for (const service of services.services) router.service(service, implementationOf(service, services));
}

function implementationOf(service: DescService, table: ServiceTable): ServiceImpl<DescService> {
  return Object.fromEntries(
    service.methods.map((method) => {
      const handler = table.handlerOf(method as DescMethodUnary);
      return [
        method.localName,
        (request: Message, context: HandlerContext) => {
          const call = context.values.get(CALL);
          if (call === undefined) throw new Error("a unary call reached its handler without the chain");
          return handler(request, call);
        },
      ];
    }),
  ) as ServiceImpl<DescService>;
}

function throughChain(
  chain: Chain,
  { maxTimeoutMs }: FormatLimits,
  waiting: ReadonlyMap<string, Call>,
): Interceptor {
  return (next) => async (request) => {
    const arrival = request.contextValues.get(ARRIVAL);
    if (request.stream) {
      await chain.open({ headers: request.header, requestId: arrival.requestId }, request.method);
      return await next(request);
    }
    const call: Call = waiting.get(request.header.get(TICKET_HEADER) ?? "") ?? {
      ...arrival,
      method: request.method,
      format: formatOf(request.header.get("content-type")),
      headers: request.header,
      // connect has refused malformed ones already.
      timeoutMs:
        connectTimeoutMs(request.header.get("connect-timeout-ms"), maxTimeoutMs) ??
        grpcTimeoutMs(request.header.get("grpc-timeout"), maxTimeoutMs),
      caller: { kind: "anonymous" },
    };
    request.contextValues.set(CALL, call);
    return await chain.run(call, request.message, () => next(request));
  };
}

function formatOf(contentType: string | null): WireFormat {
  if (contentType?.startsWith("application/grpc-web") === true) return "grpc-web";
  return contentType?.startsWith("application/grpc") === true ? "grpc" : "connect";
}
