/**
 * Follows events for as long as somebody reads them: a watch that begins again by itself where it broke off.
 *
 * The position of the last event or heartbeat is all that has to be remembered: the next watch begins there, so every
 * event comes once, in its order.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Event } from "../../gen/countersign/v1/event_pb.ts";
import type { WatchEventsRequestSchema } from "../../gen/countersign/v1/event_service_pb.ts";
import type { CallFailure } from "./call-failure.ts";
import type { CountersignClient } from "./node-client.ts";
import { resumed } from "./resumed.ts";

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

/** @throws ConnectError for what `callFailure` reads; also where the first watch cannot be opened */
export async function* followEvents(
  { events }: Pick<CountersignClient, "events">,
  query: WatchQuery,
  { signal, onBreak, silenceMs }: FollowOptions,
): AsyncGenerator<Event> {
  let afterPosition = query.afterPosition;
  const messages = resumed(
    (options) =>
      events.watchEvents({ ...query, ...(afterPosition !== undefined && { afterPosition }) }, options),
    { signal, silenceMs, onBreak: (failure) => onBreak?.(failure, afterPosition ?? 0n) },
  );
  for await (const { message } of messages) {
    if (message.case === undefined) continue;
    afterPosition = message.value.position;
    if (message.case === "event") yield message.value;
  }
}
