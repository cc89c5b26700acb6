/**
 * gRPC, gRPC-Web and Connect through connect-node, for the same functions and the same chain as the direct path.
 *
 * ONE interceptor takes connect-node's requests to the chain. What a request brings beside its message (peer, request
 * id, values bound from a REST path) travels in the context values. What connect-node refuses before it gets to the
 * interceptor is put into our words (connect-refusals.ts) and logged here.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import type { DescService, Message } from "@bufbuild/protobuf";
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
import type { Arrival, Binding, Call, StreamCall, WireFormat } from "../rpc/call.ts";
import type { CallLog } from "../rpc/call-log.ts";
import type { Chain, OpeningCall } from "../rpc/chain.ts";
import { reasonOf } from "../rpc/errors.ts";
import { isServerStreaming, isUnary, type ServiceTable } from "../rpc/service-table.ts";
import type { Caller } from "../verification/caller.ts";
import { adoptRefusals } from "./connect-refusals.ts";
import { guardedBody } from "./guarded-body.ts";
import { LISTENER_LIMITS } from "./limits.ts";
import { abandon, type NodeRequest, type NodeResponse } from "./node-http.ts";
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
  /** Milliseconds in which a client has to take a message of a stream. Default: the listener's limit for answers. */
  readonly messageTimeoutMs?: number | undefined;
  readonly callLog: CallLog;
  readonly logger: Logger;
  /** Where requests go whose path is no procedure. */
  readonly fallback: (request: NodeRequest, response: NodeResponse, arrival: Arrival) => void;
}

/** A request on its way through connect-node. */
interface Passage extends BoundArrival {
  /** Whether the chain has seen it, and logs how it ends. */
  isCall: boolean;
  /** Who calls, once the chain has found out. */
  caller?: Caller;
  /** Breaks the answer off. */
  readonly abandon: () => void;
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
  abandon: () => {},
});
const CALL = createContextKey<Call | undefined>(undefined);
const STREAM_CALL = createContextKey<StreamCall | undefined>(undefined);

export class ConnectHandler {
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;
  readonly #chain: Chain;
  readonly #callLog: CallLog;
  readonly #logger: Logger;
  readonly #fallback: ConnectHandlerOptions["fallback"];
  readonly #shutdown = new AbortController();
  readonly #watchesOver = new AbortController();

  constructor(options: ConnectHandlerOptions) {
    const router = createConnectRouter({
      ...routerOptions(options, { watchesOver: this.#watchesOver.signal }),
      acceptCompression: [compressionGzip, compressionBrotli],
      shutdownSignal: this.#shutdown.signal,
    });
    addServices(router, options);
    options.extraRoutes(router);
    this.#handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
    this.#chain = options.chain;
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
    const passage: Passage = { ...arrival, isCall: false, abandon: () => abandon(request, response) };
    const values = createContextValues().set(PASSAGE, passage);
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    capTimeouts(universal.header);
    const admit = () => this.#admit(handler, request, universal.header, passage);
    handler({ ...universal, body: guardedBody(request, admit) })
      .then((answer) => {
        if (!passage.isCall) this.#logRefusal(handler, request, passage, answer);
        // HTTP/2's response calls itself finished only when its stream is closed.
        ("stream" in request ? request.stream : response).once("finish", () => discardRest(request));
        if ("stream" in request) closeAfterAnswer(request.stream);
        return universalResponseToNodeResponse(answer, response);
      })
      .catch((error: unknown) => {
        // Mostly a client that is gone.
        const code = Code[ConnectError.from(error).code];
        this.#logger.debug({ requestId: arrival.requestId, code }, "an answer could not be sent");
        abandon(request, response);
      });
  }

  /** Who has no good credential gets its answer before its message is read; for streams throughStream sees to that. */
  async #admit(
    { method }: UniversalHandler,
    request: NodeRequest,
    headers: Headers,
    passage: Passage,
  ): Promise<void> {
    if (method.methodKind !== "unary") return;
    const format = formatOf(request.headers["content-type"] ?? null);
    const opening: OpeningCall = { ...passage, method, format, headers, caller: { kind: "anonymous" } };
    try {
      await this.#chain.open(opening);
      passage.caller = opening.caller;
    } catch (error) {
      passage.isCall = true;
      throw error;
    }
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

  /** Ends with UNAVAILABLE the streams of our own services: they would hold up a stop for nothing. */
  endWatches(): void {
    this.#watchesOver.abort(shuttingDown());
  }

  /** Ends open streams with UNAVAILABLE. */
  endStreams(): void {
    this.#shutdown.abort(shuttingDown());
  }
}

/** Names the call that a request of an in-memory client belongs to; such calls wait under their ticket. */
export const TICKET_HEADER = "x-countersign-ticket";

function shuttingDown(): ConnectError {
  return new ConnectError("the server is shutting down", Code.Unavailable);
}

type CallOptions = Pick<ConnectHandlerOptions, "chain" | "services" | "limits" | "messageTimeoutMs">;

interface CallSources {
  /** Calls of an in-memory client, by their tickets. */
  readonly waiting?: ReadonlyMap<string, Call>;
  /** Ends the streams of our own services. */
  readonly watchesOver?: AbortSignal;
}

/** Limits and the interceptor, for every way into connect's handlers. */
export function routerOptions(options: CallOptions, sources: CallSources): ConnectRouterOptions {
  return {
    interceptors: [throughChain(options, sources)],
    requestGate(context) {
      const passage = context.values.get(PASSAGE);
      adoptRefusals(context, {
        isCall: () => passage.isCall,
        onRefusal: (error) => (passage.refusal = reasonOf(error)),
      });
    },
    readMaxBytes: options.limits.maxMessageBytes,
    maxTimeoutMs: options.limits.maxTimeoutMs,
  };
}

export function addServices(router: ConnectRouter, options: Pick<CallOptions, "chain" | "services">): void {
  for (const service of options.services.services)
    router.service(service, implementationOf(service, options));
}

function implementationOf(
  service: DescService,
  { chain, services }: Pick<CallOptions, "chain" | "services">,
): ServiceImpl<DescService> {
  const implementation: Record<string, unknown> = {};
  for (const method of service.methods) {
    if (isUnary(method)) {
      const handler = services.handlerOf(method);
      implementation[method.localName] = (request: Message, { values }: HandlerContext) =>
        handler(request, callOf(values.get(CALL)));
    } else if (isServerStreaming(method)) {
      const handler = services.streamHandlerOf(method);
      implementation[method.localName] = async function* answer(
        request: Message,
        { values }: HandlerContext,
      ) {
        const call = callOf(values.get(STREAM_CALL));
        chain.admit(call, request);
        yield* handler(request, call);
      };
    }
  }
  return implementation as ServiceImpl<DescService>;
}

function callOf<AnyCall>(call: AnyCall | undefined): AnyCall {
  if (call === undefined) throw new Error("a call reached its handler without the chain");
  return call;
}

function throughChain(
  {
    chain,
    services,
    limits: { maxTimeoutMs },
    messageTimeoutMs = LISTENER_LIMITS.answerTimeoutMs,
  }: CallOptions,
  { waiting = new Map(), watchesOver }: CallSources,
): Interceptor {
  return (next) => async (request) => {
    const passage = request.contextValues.get(PASSAGE);
    passage.isCall = true;
    const format = formatOf(request.header.get("content-type"));
    if (request.stream) {
      const { abandon: giveUp, ...arrival } = passage;
      const opened = {
        ...arrival,
        method: request.method,
        format,
        headers: request.header,
        caller: { kind: "anonymous" } as const,
      };
      const isWatch = watchesOver !== undefined && services.has(request.method);
      const signals = isWatch ? [request.signal, watchesOver] : [request.signal];
      return await throughStream({ chain, opened, signals, giveUp, messageTimeoutMs }, (call) => {
        request.contextValues.set(STREAM_CALL, call);
        return next(request);
      });
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
      caller: passage.caller ?? { kind: "anonymous" },
      isAuthenticated: passage.caller !== undefined,
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

/** Once the answer is complete, the client is told that it need not send the rest (RFC 9113 section 8.1). */
function closeAfterAnswer(stream: ServerHttp2Stream): void {
  // By then node's own listener has sent the trailers, with which an answer ends.
  stream.once("wantTrailers", () => {
    setImmediate(() => {
      if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  });
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
