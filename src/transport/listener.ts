/**
 * One port for HTTP/1.1 and HTTP/2: cleartext, HTTP/2 with prior knowledge then, or TLS, where ALPN says which.
 *
 * The http.Server is the one that listens and owns every socket, so that its header, request and idle time-outs are in
 * force; a server that never listens does not enforce them. Where a connection turns out to be HTTP/2, its socket is handed
 * to the http2 server, and session-guard.ts keeps the time.
 */
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Arrival } from "../rpc/call.ts";
import { dropWhenStalled, refuseUnreadable } from "./http1-guard.ts";
import { refuseLargeHeaders } from "./http2-guard.ts";
import {
  HTTP2_OPTIONS,
  LISTENER_LIMITS,
  MAX_HEADER_BYTES,
  TCP_KEEP_ALIVE_MS,
  type ListenerLimits,
} from "./limits.ts";
import { send, type NodeHandler, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "./request-id.ts";
import type { PeerConnections } from "./peer-connections.ts";
import { ProtocolSniffer } from "./protocol-sniffer.ts";
import { SessionGuard } from "./session-guard.ts";
import { tlsServerOptions, type Certificate } from "./tls.ts";

/** Who answers requests. Neither function may throw. */
export interface RequestHandlers {
  request(request: NodeRequest, response: NodeResponse): void;
  /** Takes a request off its HTTP/2 stream; what it does not take goes to `request`. */
  stream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): boolean;
  /** Learns of what could not be read as a request and was refused. */
  unreadable?(reason: string, arrival: Arrival): void;
}

const NO_HEADERS = { get: () => null };

/** What arrives before `serve` was called is told to come back. */
const STARTING: RequestHandlers = {
  request(request, response) {
    const requestId = requestIdOf({ get: (name) => request.headers[name]?.toString() ?? null });
    send(response, 503, { "retry-after": "1", [REQUEST_ID_HEADER]: requestId }, "starting\n");
  },
  stream: () => false,
};

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

export interface ListenerOptions {
  /** To serve TLS with; without one the port is cleartext. */
  readonly certificate?: Certificate | undefined;
  readonly limits?: Partial<ListenerLimits> | undefined;
  /** Refuses connections beyond those that one address may have. Absent: none is. */
  readonly peers?: Pick<PeerConnections, "admit"> | undefined;
}

export class Listener {
  /** Listens; over TLS when it is an https.Server. */
  readonly #http1: http.Server | https.Server;
  readonly #http2: http2.Http2Server;
  readonly #limits: ListenerLimits;
  readonly #peers: ListenerOptions["peers"];
  readonly #sniffer: ProtocolSniffer;
  readonly #guard: SessionGuard;
  /** All that are open, whatever is spoken on them. */
  readonly #sockets = new Set<Socket>();
  /** Answers over HTTP/1.1 that are not complete. */
  readonly #answering = new Set<http.ServerResponse>();
  #isClosing = false;

  /** Gives requests on HTTP/2 to node's compatibility API; it never listens. */
  readonly #compatibility: http2.Http2Server;
  #handlers: RequestHandlers = STARTING;

  constructor({ certificate, limits, peers }: ListenerOptions = {}) {
    this.#limits = { ...LISTENER_LIMITS, ...limits };
    this.#peers = peers;
    this.#sniffer = new ProtocolSniffer(this.#limits.firstBytesTimeoutMs);
    this.#guard = new SessionGuard(this.#limits);
    const handler: NodeHandler = (request, response) => this.#handlers.request(request, response);
    const http1Handler: http.RequestListener = (request, response) => {
      this.#track(response);
      dropWhenStalled(response);
      handler(request, response);
    };
    const options = http1Options(this.#limits);
    this.#http1 =
      certificate === undefined
        ? http.createServer(options, http1Handler)
        : https.createServer(
            { ...options, ...tlsServerOptions(certificate, this.#limits.firstBytesTimeoutMs) },
            http1Handler,
          );
    this.#http1.setTimeout(this.#limits.answerTimeoutMs);
    this.#http1.maxConnections = this.#limits.maxConnections;
    this.#http1.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      this.#refuseUnreadable(error, socket as Socket);
    });
    this.#http2 = http2.createServer(HTTP2_OPTIONS);
    this.#compatibility = http2.createServer(handler);
    this.#http2.on("stream", (stream, headers, flags, rawHeaders) => {
      this.#guard.watchStream(stream);
      if (refuseLargeHeaders(stream, rawHeaders)) {
        this.#handlers.unreadable?.("REQUEST_TOO_LARGE", arrivalAt(stream.session?.socket));
        return;
      }
      if (this.#handlers.stream(stream, headers)) return;
      this.#compatibility.emit("stream", stream, headers, flags, rawHeaders);
    });
    // A broken peer ends its own session; without a listener it would end the process.
    this.#http2.on("sessionError", () => {});
    this.#takeOverConnections();
  }

  /** From now on requests go there. Binding comes first, because links may name the port that was found. */
  serve(handlers: RequestHandlers): void {
    this.#handlers = handlers;
  }

  /** New connections are shown this one; those that are open keep theirs. Over TLS only. */
  useCertificate({ context }: Certificate): void {
    if (this.#http1 instanceof https.Server) this.#http1.setSecureContext(context);
  }

  /** @throws Error with node's code, such as EADDRINUSE */
  listen(host: string, port: number): Promise<BoundAddress> {
    return new Promise((resolve, reject) => {
      this.#http1.once("error", reject);
      this.#http1.listen(port, host, () => {
        this.#http1.off("error", reject);
        const bound = this.#http1.address() as AddressInfo;
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  /**
   * Stops accepting, sends GOAWAY, lets calls in flight finish; what HTTP/1.1 still answers says `Connection: close`.
   *
   * @param graceMs after this the connections that are left are destroyed
   * @param endStreams called at 80 % of the grace, to end streams that would never end by themselves
   */
  async close(graceMs: number, endStreams: () => void): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http1.close(() => resolve()));
    this.#isClosing = true;
    for (const response of this.#answering) response.shouldKeepAlive = false;
    this.#sniffer.dropUndecided();
    for (const session of this.#guard.sessions) session.close();
    this.#http1.closeIdleConnections();
    const soft = setTimeout(endStreams, graceMs * 0.8);
    const hard = setTimeout(() => {
      for (const session of this.#guard.sessions) session.destroy();
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(soft);
    clearTimeout(hard);
    this.#guard.stop();
  }

  #track(response: http.ServerResponse): void {
    if (this.#isClosing) response.shouldKeepAlive = false;
    this.#answering.add(response);
    response.once("close", () => {
      this.#answering.delete(response);
      // An answer whose headers were out before the stop has left its connection open.
      if (this.#isClosing) setImmediate(() => this.#http1.closeIdleConnections());
    });
  }

  #refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
    const arrival = arrivalAt(socket);
    const reason = refuseUnreadable(error, socket, this.#isAnswering(socket), arrival.requestId);
    if (reason !== undefined) this.#handlers.unreadable?.(reason, arrival);
  }

  #isAnswering(socket: Socket): boolean {
    for (const response of this.#answering) {
      if (response.socket === socket) return response.headersSent;
    }
    return false;
  }

  /** Between the server and its own listeners for connections: some are refused there, and HTTP/2 is taken out. */
  #takeOverConnections(): void {
    if (this.#http1 instanceof https.Server) {
      this.#intercept("secureConnection", (socket, toHttp1) => {
        if ((socket as TLSSocket).alpnProtocol === "h2") this.#serveHttp2(socket);
        else toHttp1();
      });
      this.#intercept("connection", (socket, toTls) => {
        if (this.#admits(socket)) toTls();
      });
    } else {
      this.#intercept("connection", (socket, toHttp1) => {
        if (!this.#admits(socket)) return;
        this.#sniffer.sniff(socket, (isHttp2) => {
          if (isHttp2) this.#serveHttp2(socket);
          else toHttp1();
        });
      });
    }
    this.#http1.prependListener("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  #admits(socket: Socket): boolean {
    return this.#peers?.admit(socket) !== false;
  }

  #intercept(event: string, take: (socket: Socket, toHttp1: () => void) => void): void {
    const listeners = this.#http1.listeners(event) as ((socket: Socket) => void)[];
    this.#http1.removeAllListeners(event);
    this.#http1.on(event, (socket: Socket) => {
      take(socket, () => {
        for (const listener of listeners) listener.call(this.#http1, socket);
      });
    });
  }

  #serveHttp2(socket: Socket): void {
    // HTTP/1.1 answers clients that have closed their side. On HTTP/2 that is the end, and nobody else would notice it.
    socket.allowHalfOpen = false;
    // Emitted before the next line returns.
    this.#http2.once("session", (session) => this.#guard.watchSession(session, socket));
    this.#http2.emit("connection", socket);
  }
}

/** Of a request that cannot be read. */
function arrivalAt(socket: { readonly remoteAddress?: string | undefined } | undefined): Arrival {
  return {
    requestId: requestIdOf(NO_HEADERS),
    clientAddress: socket?.remoteAddress ?? "",
    startedMs: performance.now(),
    trace: undefined,
  };
}

function http1Options(limits: ListenerLimits): http.ServerOptions {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.http1IdleTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Checked in http1-guard.ts, and answered in the API's shape.
    requireHostHeader: false,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  };
}
