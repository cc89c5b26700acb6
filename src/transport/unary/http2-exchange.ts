/** An exchange on a stream of HTTP/2, by node's stream API: its compatibility API costs a tenth of a call. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { setImmediate as nextTurn } from "node:timers/promises";
import { collectBody } from "./body.ts";
import { closeSignal } from "./close-signal.ts";
import { ClientGoneError, type Exchange, type OutgoingHeaders } from "./exchange.ts";

export class Http2Exchange implements Exchange {
  readonly httpVersion = 2;
  readonly verb: string;
  readonly path: string;
  readonly query: string;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    const url = headers[":path"] ?? "/";
    const mark = url.indexOf("?");
    this.verb = headers[":method"] ?? "";
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.query = mark === -1 ? "" : url.slice(mark + 1);
    this.#stream = stream;
    this.#headers = headers;
  }

  get peerAddress(): string {
    return this.#stream.session?.socket.remoteAddress ?? "";
  }

  get(name: string): string | null {
    const value = this.#headers[name];
    return (Array.isArray(value) ? value.join(", ") : value) ?? null;
  }

  async readBody(maxBytes: number): Promise<Buffer> {
    const stream = this.#stream;
    // A client that waits for it is told to go on (RFC 9110 section 10.1.1); over HTTP/1.1 node does that.
    if (this.#headers.expect === "100-continue") stream.additionalHeaders({ ":status": 100 });
    const declaredLength = this.#headers["content-length"];
    const body = await collectBody(stream, declaredLength, maxBytes);
    if (Number(declaredLength) !== body.length && !this.#isFramed()) await requestEnded(stream);
    return body;
  }

  goneSignal(): AbortSignal {
    return closeSignal(this.#stream);
  }

  respond(
    status: number,
    headers: OutgoingHeaders,
    body: Uint8Array | string,
    trailers?: OutgoingHeaders,
  ): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || stream.headersSent) return;
    const outgoing = { ":status": status, ...headers };
    if (this.verb === "HEAD") {
      stream.respond({ ...outgoing, "content-length": Buffer.byteLength(body) }, { endStream: true });
    } else if (body.length === 0 && trailers === undefined) {
      stream.respond(outgoing, { endStream: true });
    } else {
      stream.respond(outgoing, { waitForTrailers: trailers !== undefined });
      if (trailers !== undefined) stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end(body);
    }
    // The answer is complete: the client need not send the rest (RFC 9113 section 8.1).
    if (!stream.readableEnded) {
      stream.resume();
      stream.once("finish", () => {
        if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
      });
    }
  }

  /** A message in a frame tells by itself whether it is whole. */
  #isFramed(): boolean {
    return this.#headers["content-type"]?.startsWith("application/grpc") === true;
  }
}

/**
 * Node says "end" for a stream that was reset as well, and only then that it was: without this, half a body would pass
 * for a whole one, and none for an empty one.
 *
 * @throws ClientGoneError
 */
export async function requestEnded(stream: ServerHttp2Stream): Promise<void> {
  if (stream.endAfterHeaders) return;
  await nextTurn();
  if (stream.aborted) throw new ClientGoneError();
}
