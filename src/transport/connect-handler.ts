/**
 * gRPC, gRPC-Web and Connect through connect-node, for the same functions and the same chain as the direct path.
 *
 * ONE interceptor takes connect-node's requests to the chain. What a request brings beside its message (peer, request
 * id, values bound from a REST path) travels in the context values. What connect-node refuses before it gets to the
 * interceptor is put into our words (connect-refusals.ts) and logged here.
 */
import type { DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type ConnectRouter,
  type ConnectRouterOptions,
  type HandlerContext,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Logger } from "../observability/logger.ts";
import type { Arrival, Binding, Call, WireFormat } from "../rpc/call.ts";
import type { CallLog } from "../rpc/call-log.ts";
import type { Chain, StreamCall } from "../rpc/chain.ts";
import { reasonOf } from "../rpc/errors.ts";
import type { ServiceTable } from "../rpc/service-table.ts";
import { adoptRefusals } from "./connect-refusals.ts";
import { guardedBody } from "./guarded-body.ts";
import type { NodeRequest, NodeResponse } from "./node-http.ts";
import type { FormatLimits } from "./unary/grpc-format.ts";
import { throughStream } from "./stream-call.ts";
import { capTimeouts, connectTimeoutMs, grpcTimeoutMs } from "./unary/timeout.ts";

/** What the transport knows of a request and connect-node does not carry. */
export interface BoundArrival extends Arrival {
  readonly bindings: readonly Binding[];
}

export interface ConnectHandlerOptions {
  readonly chain: Chain;
  readonly services: ServiceTable;
  /** Adds what is served beside the unary services: health, reflection. */
  readonly extraRoutes: (router: ConnectRouter) => void;
  readonly limits: FormatLimits;
  readonly callLog: CallLog;
  readonly logger: Logger;
  /** Where requests go whose path is no procedure. */
  readonly fallback: (request: NodeRequest, response: NodeResponse, arrival: Arrival) => void;
}

/** A request on its way through connect-node. */
interface Passage extends BoundArrival {
  /** Whether the interceptor has seen it; the chain logs it from then on. */
  isCall: boolean;
  /** Why it was refused before, by the catalogue's names. */
  refusal?: string;
}

const PASSAGE = createContextKey<Passage>({
  requestId: "",
  clientAddress: "",
  startedMs: 0,
  trace: undefined,
  bindings: [],
  isCall: false,
});
const CALL = createContextKey<Call | undefined>(undefined);

export class ConnectHandler {
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;
  readonly #callLog: CallLog;
  readonly #logger: Logger;
  readonly #fallback: ConnectHandlerOptions["fallback"];
  readonly #shutdown = new AbortController();

  constructor(options: ConnectHandlerOptions) {
    const router = createConnectRouter({
      ...routerOptions(options),
      acceptCompression: [compressionGzip, compressionBrotli],
      shutdownSignal: this.#shutdown.signal,
    });
    addServices(router, options.services);
    options.extraRoutes(router);
    this.#handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
    this.#callLog = options.callLog;
    this.#logger = options.logger;
    this.#fallback = options.fallback;
  }

  /**
   * What connectNodeAdapter does, but for its console.error and with an eye on the answer.
   *
   * @param path the procedure to serve, where it differs from the request's own path
   * @throws Error for a Host header that no URL can be built from
   */
  serve(request: NodeRequest, response: NodeResponse, arrival: BoundArrival, path?: string): void {
    if (path !== undefined) request.url = path;
    const handler = this.#handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handler === undefined) {
      this.#fallback(request, response, arrival);
      return;
    }
    const passage: Passage = { ...arrival, isCall: false };
    const values = createContextValues().set(PASSAGE, passage);
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    capTimeouts(universal.header);
    handler({ ...universal, body: guardedBody(request) })
      .then((answer) => {
        if (!passage.isCall) this.#logRefusal(handler, request, passage, answer);
        // HTTP/2's response calls itself finished only when its stream is closed.
        ("stream" in request ? request.stream : response).once("finish", () => discardRest(request));
        return universalResponseToNodeResponse(answer, response);
      })
      .catch((error: unknown) => {
        // Mostly a client that is gone.
        const code = Code[ConnectError.from(error).code];
        this.#logger.debug({ requestId: arrival.requestId, code }, "an answer could not be sent");
        // A response that waits behind another has no socket yet to destroy.
        if ("stream" in request) response.destroy();
        else request.socket.destroy();
      });
  }

  #logRefusal(
    { method }: UniversalHandler,
    request: NodeRequest,
    passage: Passage,
    answer: UniversalServerResponse,
  ): void {
    const format = formatOf(request.headers["content-type"] ?? null);
    const reason = passage.refusal ?? refusalReason(answer);
    this.#callLog.refused({ ...passage, method, format, reason });
  }

  /** Ends open streams with UNAVAILABLE. */
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
    requestGate(context) {
      const passage = context.values.get(PASSAGE);
      adoptRefusals(context, {
        isCall: () => passage.isCall,
        onRefusal: (error) => (passage.refusal = reasonOf(error)),
      });
    },
    readMaxBytes: limits.maxMessageBytes,
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
    const passage = request.contextValues.get(PASSAGE);
    passage.isCall = true;
    const format = formatOf(request.header.get("content-type"));
    if (request.stream) {
      const call: StreamCall = {
        ...passage,
        method: request.method,
        format,
        headers: request.header,
        caller: { kind: "anonymous" },
      };
      return await throughStream(chain, call, request.signal, () => next(request));
    }
    const call: Call = waiting.get(request.header.get(TICKET_HEADER) ?? "") ?? {
      ...passage,
      method: request.method,
      format,
      headers: request.header,
      // connect has refused malformed ones already.
      timeoutMs:
        format === "connect"
          ? connectTimeoutMs(request.header.get("connect-timeout-ms"), maxTimeoutMs)
          : grpcTimeoutMs(request.header.get("grpc-timeout"), maxTimeoutMs),
      goneSignal: () => request.signal,
      caller: { kind: "anonymous" },
    };
    request.contextValues.set(CALL, call);
    const response = await chain.run(call, request.message, () => next(request));
    for (const [name, value] of Object.entries(call.replyHeaders ?? {})) response.header.set(name, value);
    return response;
  };
}

/** What is left of a request must not wait in front of others: on HTTP/1.1 for ever, on HTTP/2 in their flow control. */
function discardRest(request: NodeRequest): void {
  if (!request.readableEnded) request.on("data", () => {});
}

/** Why connect-node refused without an error. */
function refusalReason({ status }: UniversalServerResponse): string {
  if (status === 405) return "METHOD_NOT_ALLOWED";
  return status === 415 ? "CONTENT_TYPE_NOT_SERVED" : "REQUEST_MALFORMED";
}

function formatOf(header: string | null): WireFormat {
  const contentType = header?.toLowerCase() ?? "";
  if (contentType.startsWith("application/grpc-web")) return "grpc-web";
  return contentType.startsWith("application/grpc") ? "grpc" : "connect";
}
