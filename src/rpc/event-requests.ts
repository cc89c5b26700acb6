/** From the messages of countersign.v1.EventService to questions for the store. What is unset in a message stays absent. */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { ListEventsRequest, WatchEventsRequest } from "../../gen/countersign/v1/event_service_pb.ts";
import type { EventFilter } from "../store/event-query.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { EVENT_TYPES } from "./event-payloads.ts";

export interface WatchFilter {
  readonly userId?: string;
  readonly types?: readonly string[];
  readonly organizationId?: string;
}

/** @throws FailureError REQUEST_INVALID */
export function eventFilterOf(
  request: ListEventsRequest,
  organizationIds: readonly string[] | undefined,
): EventFilter {
  const { userId, types, afterPosition, createdFrom, createdBefore } = request;
  return {
    ...(organizationIds !== undefined && { organizationIds }),
    ...(userId !== "" && { userId }),
    ...(types.length > 0 && { types: knownTypes(types) }),
    ...(afterPosition > 0n && { afterPosition: positionOf(afterPosition) }),
    ...(createdFrom !== undefined && { createdFromMs: millisecondsOf(createdFrom) }),
    ...(createdBefore !== undefined && { createdBeforeMs: millisecondsOf(createdBefore) }),
  };
}

/** @throws FailureError REQUEST_INVALID */
export function watchFilterOf({ userId, types, organizationId }: WatchEventsRequest): WatchFilter {
  return {
    ...(userId !== "" && { userId }),
    ...(types.length > 0 && { types: knownTypes(types) }),
    ...(organizationId !== "" && { organizationId }),
  };
}

/** A type that does not exist is a slip: nothing would ever be found, and nobody would know why. */
function knownTypes(types: readonly string[]): readonly string[] {
  for (const [index, type] of types.entries()) {
    if (EVENT_TYPES.includes(type)) continue;
    const field = `types[${index}]`;
    const description = "value must be one of the types of events";
    throw new FailureError(
      failure("REQUEST_INVALID", {
        text: `invalid ${field}: ${description}; docs/events.md lists them`,
        fields: [{ field, description }],
      }),
    );
  }
  return [...new Set(types)].toSorted();
}

/** Nothing lies beyond the largest of JavaScript's exact numbers either. */
function positionOf(position: bigint): number {
  return Number(position < BigInt(Number.MAX_SAFE_INTEGER) ? position : Number.MAX_SAFE_INTEGER - 1);
}

/** Times of events are whole milliseconds: "from" and "before" are so as well when rounded up. */
function millisecondsOf(timestamp: Timestamp): number {
  return timestampMs(timestamp) + (timestamp.nanos % 1_000_000 > 0 ? 1 : 0);
}
