/** One HTTP request whose answer is written at once, over HTTP/1.1 or HTTP/2: all that the unary formats see of HTTP. */
import type { HeaderReader } from "../../rpc/call.ts";

export type OutgoingHeaders = Readonly<Record<string, string>>;

export interface Exchange extends HeaderReader {
  readonly verb: string;
  /** Without the query. */
  readonly path: string;
  /** Without the question mark; "" where there is none. */
  readonly query: string;
  readonly httpVersion: 1 | 2;
  /** IP address of the peer, "" where unknown. */
  readonly peerAddress: string;
  /** Aborted once the client is gone, or has its answer. */
  goneSignal(): AbortSignal;
  /** @throws BodyTooLargeError, ClientGoneError */
  readBody(maxBytes: number): Promise<Buffer>;
  /**
   * Sends the whole answer; does nothing when the client is gone or an answer was sent.
   *
   * @param trailers only over HTTP/2
   */
  respond(
    status: number,
    headers: OutgoingHeaders,
    body: Uint8Array | string,
    trailers?: OutgoingHeaders,
  ): void;
}

export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/** The client went away before its request was complete: nobody waits for an answer. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";
}
