/**
 * A stream that begins again by itself where it broke off, for as long as somebody reads it.
 *
 * Who opens it remembers what it takes to go on from the last message. After a break of the connection, a restart of the
 * service, an overload, or an end that the service gives every such stream, it is opened anew. What no repetition helps
 * against (a token that is refused, a role that is missing, something that does not exist) is thrown.
 */
import { callFailure, type CallFailure } from "./call-failure.ts";
import { spread, wait } from "./retry.ts";

export interface ResumedOptions {
  /** Ends it, without an error. */
  readonly signal: AbortSignal;
  /** Told of each break, before the next try. */
  readonly onBreak?: ((failure: CallFailure) => void) | undefined;
  /** After so many milliseconds without a message the connection counts as lost. Default: 45,000, three heartbeats. */
  readonly silenceMs?: number | undefined;
}

const SILENCE_MS = 45_000;
/** From one try to the next, in milliseconds, where the service does not say. Doubled with each try in vain. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;

/**
 * @param open a stream that goes on after the last message
 * @throws ConnectError for what `callFailure` reads; also where the first stream cannot be opened
 */
export async function* resumed<Message>(
  open: (options: { readonly signal: AbortSignal; readonly timeoutMs: number }) => AsyncIterable<Message>,
  { signal, onBreak, silenceMs = SILENCE_MS }: ResumedOptions,
): AsyncGenerator<Message> {
  let triesInVain = 0;
  let hasBegun = false;
  while (!signal.aborted) {
    const silence = new Silence(silenceMs, signal);
    let pauseMs = FIRST_PAUSE_MS;
    try {
      for await (const message of open({ signal: silence.signal, timeoutMs: 0 })) {
        hasBegun = true;
        triesInVain = 0;
        // However long the reader takes for it, that is no silence of the service.
        silence.pause();
        yield message;
        silence.restart();
      }
    } catch (error) {
      if (signal.aborted) return;
      const failure = callFailure(error);
      if (!hasBegun || !(silence.isOver || mayPass(failure))) throw error;
      onBreak?.(failure);
      pauseMs = failure.retryAfterMs ?? Math.min(FIRST_PAUSE_MS * 2 ** triesInVain, MAX_PAUSE_MS);
      triesInVain += 1;
    } finally {
      silence.end();
    }
    if (!(await wait(spread(pauseMs, 1), signal))) return;
  }
}

/** A connection, or a service, that is away; anything else is the same the next time. */
function mayPass({ code, network, reason }: CallFailure): boolean {
  if (network !== undefined || code === "unavailable" || code === "resource_exhausted") return true;
  // Without a reason it was not the service that ended the stream.
  return (
    reason === undefined &&
    (code === "canceled" || code === "internal" || code === "unknown" || code === "aborted")
  );
}

/** Ends a stream on which nothing comes any more: of a connection that died without a word there is no other sign. */
class Silence {
  readonly #limitMs: number;
  readonly #over = new AbortController();
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(limitMs: number, signal: AbortSignal) {
    this.#limitMs = limitMs;
    this.signal = AbortSignal.any([signal, this.#over.signal]);
    this.restart();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  restart(): void {
    this.pause();
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#over.abort();
    }, this.#limitMs);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  /** Lets go of the connection, where the reader has left before its end. */
  end(): void {
    this.pause();
    this.#over.abort();
  }
}
