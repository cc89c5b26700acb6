/**
 * Follows events for as long as somebody reads them: a watch that begins again by itself where it broke off.
 *
 * The position of the last event or heartbeat is all that has to be remembered. After a break of the connection, a restart
 * of the service or an overload the next watch begins there, so every event comes once, in its order. What no repetition
 * helps against (a token that is refused, a role that is missing, a position that does not exist) is thrown.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Event } from "../../gen/countersign/v1/event_pb.ts";
import type { WatchEventsRequestSchema } from "../../gen/countersign/v1/event_service_pb.ts";
import { callFailure, type CallFailure } from "./call-failure.ts";
import type { CountersignClient } from "./node-client.ts";
import { spread, wait } from "./retry.ts";

/** What WatchEvents takes. */
export type WatchQuery = MessageInitShape<typeof WatchEventsRequestSchema>;

export interface FollowOptions {
  /** Ends it, without an error. */
  readonly signal: AbortSignal;
  /** Told of each break, before the next try. */
  readonly onBreak?: (failure: CallFailure, afterPosition: bigint) => void;
  /** After so many milliseconds without a heartbeat the connection counts as lost. Default: 45,000, three heartbeats. */
  readonly silenceMs?: number;
}

const SILENCE_MS = 45_000;
/** From one try to the next, in milliseconds, where the service does not say. Doubled with each try in vain. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;

/** @throws ConnectError for what `callFailure` reads; also where the first watch cannot be opened */
export async function* followEvents(
  { events }: Pick<CountersignClient, "events">,
  query: WatchQuery,
  { signal, onBreak, silenceMs = SILENCE_MS }: FollowOptions,
): AsyncGenerator<Event> {
  let afterPosition = query.afterPosition;
  let triesInVain = 0;
  let hasBegun = false;
  while (!signal.aborted) {
    const silence = new Silence(silenceMs, signal);
    try {
      const request = { ...query, ...(afterPosition !== undefined && { afterPosition }) };
      for await (const { message } of events.watchEvents(request, { signal: silence.signal, timeoutMs: 0 })) {
        hasBegun = true;
        triesInVain = 0;
        silence.restart();
        if (message.case === undefined) continue;
        afterPosition = message.value.position;
        if (message.case === "event") {
          // However long the reader takes for it, that is no silence of the service.
          silence.pause();
          yield message.value;
          silence.restart();
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const failure = callFailure(error);
      if (!hasBegun || afterPosition === undefined || !(silence.isOver || mayPass(failure))) throw error;
      onBreak?.(failure, afterPosition);
      const pauseMs = failure.retryAfterMs ?? Math.min(FIRST_PAUSE_MS * 2 ** triesInVain, MAX_PAUSE_MS);
      triesInVain += 1;
      if (!(await wait(spread(pauseMs, 1), signal))) return;
    } finally {
      silence.pause();
    }
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

/** Ends a watch on which nothing comes any more: of a connection that died without a word there is no other sign. */
class Silence {
  readonly #limitMs: number;
  readonly #over = new AbortController();
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, signal: AbortSignal) {
    this.#limitMs = limitMs;
    this.signal = AbortSignal.any([signal, this.#over.signal]);
    this.restart();
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  restart(): void {
    this.pause();
    this.#timer = setTimeout(() => this.#over.abort(), this.#limitMs);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }
}
