/**
 * One cleartext port for HTTP/1.1 and HTTP/2 with prior knowledge (RFC 9113 section 3.3).
 *
 * The http.Server is the one that listens and owns every socket, so that its header, request and idle time-outs are in
 * force; a server that never listens does not enforce them. The first bytes of a connection are looked at: HTTP/2's
 * preface hands the socket to the http2 server, anything else gives it back.
 */
import * as http from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { send, type NodeHandler, type NodeRequest, type NodeResponse } from "./node-http.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

const SNIFF_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONCURRENT_STREAMS = 256;

/** Who answers requests. Neither function may throw. */
export interface RequestHandlers {
  request(request: NodeRequest, response: NodeResponse): void;
  /** Takes a request off its HTTP/2 stream; what it does not take goes to `request`. */
  stream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): boolean;
}

/** What arrives before `serve` was called is told to come back. */
const STARTING: RequestHandlers = {
  request: (_request, response) => send(response, 503, { "retry-after": "1" }, "starting\n"),
  stream: () => false,
};

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

export class Listener {
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #sniffing = new Set<Socket>();
  /** Answers over HTTP/1.1 that are not complete. */
  readonly #answering = new Set<http.ServerResponse>();
  #isClosing = false;

  /** Gives requests on HTTP/2 to node's compatibility API; it never listens. */
  readonly #compatibility: http2.Http2Server;
  #handlers: RequestHandlers = STARTING;

  constructor() {
    const handler: NodeHandler = (request, response) => this.#handlers.request(request, response);
    this.#http1 = http.createServer(
      {
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      (request, response) => {
        this.#track(response);
        handler(request, response);
      },
    );
    this.#http2 = http2.createServer({
      settings: {
        maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
        maxHeaderListSize: MAX_HEADER_BYTES,
        enablePush: false,
      },
    });
    this.#compatibility = http2.createServer(handler);
    this.#http2.on("stream", (stream, headers, flags, rawHeaders) => {
      if (this.#handlers.stream(stream, headers)) return;
      this.#compatibility.emit("stream", stream, headers, flags, rawHeaders);
    });
    this.#http2.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    // A broken peer ends its own session; without a listener it would end the process.
    this.#http2.on("sessionError", () => {});
    this.#takeOverConnections();
  }

  /** From now on requests go there. Binding comes first, because links may name the port that was found. */
  serve(handlers: RequestHandlers): void {
    this.#handlers = handlers;
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
    for (const socket of this.#sniffing) socket.destroy();
    for (const session of this.#sessions) session.close();
    this.#http1.closeIdleConnections();
    const soft = setTimeout(endStreams, graceMs * 0.8);
    const hard = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
      this.#http1.closeAllConnections();
    }, graceMs);
    await closed;
    clearTimeout(soft);
    clearTimeout(hard);
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

  #takeOverConnections(): void {
    const toHttp1 = this.#http1.listeners("connection") as ((socket: Socket) => void)[];
    this.#http1.removeAllListeners("connection");
    this.#http1.on("connection", (socket: Socket) => {
      this.#sniff(socket, (isHttp2) => {
        if (isHttp2) this.#http2.emit("connection", socket);
        else for (const listener of toHttp1) listener.call(this.#http1, socket);
      });
    });
  }

  #sniff(socket: Socket, decided: (isHttp2: boolean) => void): void {
    let seen: Buffer = Buffer.alloc(0);
    const drop = () => socket.destroy();
    const settle = () => {
      this.#sniffing.delete(socket);
      socket.off("readable", read).off("error", drop).off("close", settle).off("timeout", drop).setTimeout(0);
    };
    const read = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const length = Math.min(seen.length, PREFACE.length);
      const couldBeHttp2 = seen.subarray(0, length).equals(PREFACE.subarray(0, length));
      if (couldBeHttp2 && length < PREFACE.length) return;
      settle();
      socket.unshift(seen);
      decided(couldBeHttp2);
    };
    this.#sniffing.add(socket);
    socket.on("error", drop).on("close", settle).on("readable", read).setTimeout(SNIFF_TIMEOUT_MS, drop);
  }
}
