/**
 * Streams on their way through connect-node.
 *
 * A stream ends with the first of these: its handler is done or fails; its client is gone or its deadline is over; the
 * server stops; its credential is no longer good, which is looked at every few seconds (UNAUTHENTICATED, or
 * PERMISSION_DENIED where a role was taken away); its client has not taken a message for as long as an answer may take
 * (broken off, as nothing can be said to a client that does not read). However it ends, its handler learns by its signal,
 * and the chain once.
 *
 * Messages are pulled: connect-node asks for the next one when the last one is written, so there is one at a time here.
 */
import { Code, ConnectError, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import type { StreamCall } from "../rpc/call.ts";
import type { Chain } from "../rpc/chain.ts";
import { adoptIfAboutRequest, isOurs } from "./connect-refusals.ts";

/** How often credential and client are looked at, in milliseconds; what is found ends the stream at once. */
const CHECK_INTERVAL_MS = 2_000;

type AnyResponse = UnaryResponse | StreamResponse;

export interface StreamOptions {
  readonly chain: Chain;
  /** What the request says. */
  readonly opened: Omit<StreamCall, "signal">;
  /** Each of them ends the stream; their reasons tell why. */
  readonly signals: readonly AbortSignal[];
  /** Breaks the answer off. */
  readonly giveUp: () => void;
  /** Milliseconds in which the client has to take a message. */
  readonly messageTimeoutMs: number;
}

/** Takes a stream through the chain around `next`. */
export async function throughStream(
  options: StreamOptions,
  next: (call: StreamCall) => Promise<AnyResponse>,
): Promise<AnyResponse> {
  const { chain, opened } = options;
  const over = new AbortController();
  const call: StreamCall = { ...opened, signal: over.signal };
  await chain.open(call);
  const life = new StreamLife(options, call, over);
  try {
    const response = await next(call);
    if (!response.stream) return response;
    return { ...response, message: life.carry(response.message) };
  } catch (error) {
    throw life.end(error);
  }
}

class StreamLife {
  readonly #options: StreamOptions;
  readonly #call: StreamCall;
  readonly #over: AbortController;
  readonly #checks: NodeJS.Timeout;
  /** Rejects the message that is waited for; undefined while none is. */
  #interrupt: ((error: unknown) => void) | undefined;
  /** When the message was handed over that is being written, on the clock of `performance.now()`. */
  #handedOverMs: number | undefined;
  /** What the wire says once the stream has ended with an error. */
  #ended: ConnectError | undefined;

  constructor(options: StreamOptions, call: StreamCall, over: AbortController) {
    this.#options = options;
    this.#call = call;
    this.#over = over;
    this.#checks = setInterval(() => void this.#check(), CHECK_INTERVAL_MS).unref();
    for (const signal of options.signals) signal.addEventListener("abort", this.#onSignal);
  }

  /** The messages as they are, up to the end of the stream. */
  async *carry<Item>(messages: AsyncIterable<Item>): AsyncGenerator<Item> {
    const iterator = messages[Symbol.asyncIterator]();
    try {
      for (;;) {
        const item = await this.#next(iterator);
        if (item.done === true) break;
        this.#handedOverMs = performance.now();
        yield item.value;
        this.#handedOverMs = undefined;
      }
      this.#close();
    } catch (error) {
      throw this.end(error);
    } finally {
      this.#handedOverMs = undefined;
      // Nobody takes the rest.
      this.end(cancellation(undefined));
      iterator.return?.().catch(() => {});
    }
  }

  /** Tells chain and handler that the stream ended, unless they know. @returns what the wire says */
  end(error: unknown): ConnectError {
    adoptIfAboutRequest(error);
    // Once a signal is given, what could not be read or written any more failed because of it.
    const given = this.#givenSignal();
    this.#close(given !== undefined && !isOurs(error) ? cancellation(given) : error);
    return this.#ended ?? cancellation(given);
  }

  #close(...error: [] | [error: unknown]): void {
    // One that is being written has still to be taken in time.
    if (this.#handedOverMs === undefined) clearInterval(this.#checks);
    if (this.#over.signal.aborted) return;
    for (const signal of this.#options.signals) signal.removeEventListener("abort", this.#onSignal);
    const { chain } = this.#options;
    if (error.length === 0) chain.closed(this.#call);
    else this.#ended = chain.closed(this.#call, error[0]);
    this.#over.abort();
  }

  // Not Promise.race with one promise for the signals: that would remember every message of the stream.
  #next<Item>(iterator: AsyncIterator<Item>): Promise<IteratorResult<Item>> {
    if (this.#over.signal.aborted) return Promise.reject(this.#ended ?? cancellation(undefined));
    const given = this.#givenSignal();
    if (given !== undefined) return Promise.reject(cancellation(given));
    return new Promise<IteratorResult<Item>>((resolve, reject) => {
      this.#interrupt = reject;
      iterator.next().then(resolve, reject);
    }).finally(() => (this.#interrupt = undefined));
  }

  #givenSignal(): AbortSignal | undefined {
    return this.#options.signals.find(({ aborted }) => aborted);
  }

  /** While a message is being written nobody waits for another; and if the client is gone, nobody ever will. */
  #fail(error: unknown): void {
    if (this.#interrupt === undefined) this.end(error);
    else this.#interrupt(error);
  }

  readonly #onSignal = ({ target }: Event): void => this.#fail(cancellation(target as AbortSignal));

  async #check(): Promise<void> {
    const { chain, giveUp, messageTimeoutMs } = this.#options;
    if (this.#handedOverMs !== undefined && performance.now() - this.#handedOverMs >= messageTimeoutMs) {
      this.#handedOverMs = undefined;
      this.end(new ConnectError("the client does not take its messages", Code.Canceled));
      giveUp();
    } else if (!this.#over.signal.aborted) {
      await chain.renew(this.#call).catch((error: unknown) => this.#fail(error));
    }
  }
}

/** The client is gone, for whatever reason it gave, its time is up, or the server stops. */
function cancellation(signal: AbortSignal | undefined): ConnectError {
  const reason: unknown = signal?.reason;
  const isTold =
    reason instanceof ConnectError && [Code.DeadlineExceeded, Code.Unavailable].includes(reason.code);
  return isTold ? reason : new ConnectError("the client closed the stream", Code.Canceled);
}
