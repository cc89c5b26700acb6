/** An exchange over HTTP/1.1. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { collectBody } from "./body.ts";
import { closeSignal } from "./close-signal.ts";
import type { Exchange, OutgoingHeaders } from "./exchange.ts";

export class Http1Exchange implements Exchange {
  readonly httpVersion = 1;
  readonly verb: string;
  readonly path: string;
  readonly query: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    this.verb = request.method ?? "";
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.query = mark === -1 ? "" : url.slice(mark + 1);
    this.#request = request;
    this.#response = response;
  }

  get peerAddress(): string {
    return this.#request.socket.remoteAddress ?? "";
  }

  get(name: string): string | null {
    const value = this.#request.headers[name];
    return (Array.isArray(value) ? value.join(", ") : value) ?? null;
  }

  readBody(maxBytes: number): Promise<Buffer> {
    return collectBody(this.#request, this.#request.headers["content-length"], maxBytes);
  }

  goneSignal(): AbortSignal {
    return closeSignal(this.#response);
  }

  respond(status: number, headers: OutgoingHeaders, body: Uint8Array | string): void {
    const response = this.#response;
    if (response.destroyed || response.headersSent) return;
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
    response.writeHead(status, {
      ...headers,
      // RFC 9110 section 8.6: not with 204.
      ...(status !== 204 && { "content-length": length }),
      // A body that was not read to its end would be taken for the next request.
      ...(this.#isBodyUnread() && { connection: "close" }),
    });
    response.end(body);
  }

  /** Not complete is a request without a body too, as long as node has not said so. */
  #isBodyUnread(): boolean {
    const { complete, headers } = this.#request;
    return (
      !complete && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)
    );
  }
}
