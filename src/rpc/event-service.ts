/**
 * countersign.v1.EventService: the log of events, for those who may read it.
 *
 * A watch reads the log from its position in pages, each when the events of the one before have been written, and at the
 * end of the log waits for a commit. So it keeps nothing but its position and one page, however slow its client is, and
 * what it sends is what the database holds, in its order: nothing twice, nothing left out.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { setTimeout as pause } from "node:timers/promises";
import type { EventService, WatchEventsResponseSchema } from "../../gen/countersign/v1/event_service_pb.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Keyring } from "../store/keyring.ts";
import type { RecordedEvent, Store } from "../store/store.ts";
import { checkPermission, type Caller } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import type { StreamCall } from "./call.ts";
import { CommitBell } from "./commit-bell.ts";
import { organizationsOf, pageSizeOf } from "./delivery-requests.ts";
import { wireEvent } from "./event-replies.ts";
import { eventFilterOf, watchFilterOf, type WatchFilter } from "./event-requests.ts";
import { openPageToken, sealPageToken } from "./page-tokens.ts";
import type { ServiceMethods } from "./service-table.ts";
import { StreamSeats, type SeatLimits } from "./stream-seats.ts";

export interface EventServiceOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  /** Seals page tokens. */
  readonly keyring: Keyring;
  /** How many watches may be open. Default: 16 of one principal, 24 of one organization, 64 in all. */
  readonly watchLimits?: SeatLimits | undefined;
  /** After so many milliseconds without a message a watch sends a heartbeat. Default 15,000. */
  readonly heartbeatMs?: number | undefined;
}

/** Other lists wait for the list thread meanwhile. */
const LIST_TIMEOUT_MS = 1_000;
/** Read by one statement on the main thread, in less than a millisecond. */
const WATCH_PAGE_EVENTS = 100;
/** Commits that follow one another closely are read together: under load that spares most of the reads. */
const GATHERING_MS = 10;
const WATCH_LIMITS: SeatLimits = { perPrincipal: 16, perOrganization: 24, inAll: 64 };
/** From one full page of any watch to the next: those that are far behind share a part of the main thread. */
const CATCHING_UP_MS = 2;
const HEARTBEAT_MS = 15_000;

export function createEventService(options: EventServiceOptions): ServiceMethods<typeof EventService> {
  const { store, environments, keyring, watchLimits = WATCH_LIMITS, heartbeatMs = HEARTBEAT_MS } = options;
  const seats = new StreamSeats(watchLimits);
  const bell = new CommitBell(store);

  let lastTurn: Promise<unknown> = Promise.resolve();
  function catchUpTurn(): Promise<unknown> {
    lastTurn = lastTurn.then(() => pause(CATCHING_UP_MS));
    return lastTurn;
  }

  /** Position 0 stands for all there is, so nothing is missing there. @throws FailureError EVENT_POSITION_UNKNOWN, EVENTS_PRUNED */
  async function startOf(afterPosition: bigint | undefined): Promise<number> {
    const lastPosition = await store.lastPosition();
    if (afterPosition === undefined) return lastPosition;
    if (afterPosition <= BigInt(lastPosition)) {
      const prunedPosition = await store.prunedPosition();
      if (afterPosition === 0n || afterPosition >= BigInt(prunedPosition)) return Number(afterPosition);
      const text = `Events up to position ${prunedPosition} were removed, because they were older than events are kept: the position ${afterPosition} lies before it`;
      throw new FailureError(failure("EVENTS_PRUNED", { text }));
    }
    const text = `The position ${afterPosition} lies beyond the last event, which is at ${lastPosition}`;
    throw new FailureError(failure("EVENT_POSITION_UNKNOWN", { text }));
  }

  function heartbeatAt(position: number): MessageInitShape<typeof WatchEventsResponseSchema> {
    const value = { position: BigInt(position), time: timestampFromMs(environments.nowMs()) };
    return { message: { case: "heartbeat", value } };
  }

  async function* watch(start: number, filter: WatchFilter, call: StreamCall) {
    const { signal } = call;
    let position = start;
    let lastSentMs = performance.now();
    yield heartbeatAt(position);
    while (!signal.aborted) {
      const page = await store.readEvents(position, WATCH_PAGE_EVENTS);
      for (const event of page) {
        position = event.position;
        // Asked for each: the caller's roles may change while the watch is open.
        if (!passes(event, filter, call.caller)) continue;
        yield { message: { case: "event", value: wireEvent(event) } } as const;
        lastSentMs = performance.now();
      }
      const quietMs = heartbeatMs - (performance.now() - lastSentMs);
      if (quietMs <= 0) {
        yield heartbeatAt(position);
        lastSentMs = performance.now();
      } else if (page.length < WATCH_PAGE_EVENTS) {
        await bell.beyond(position, signal, quietMs);
        await pause(Math.min(GATHERING_MS, quietMs));
      } else {
        // Full pages, read at once one after the other, would keep all other calls waiting.
        await catchUpTurn();
      }
    }
  }

  return {
    async listEvents(request, call) {
      const filter = eventFilterOf(request, askedOrganizations(request.organizationId, call.caller));
      const limit = pageSizeOf(request);
      const { oldestFirst, pageToken } = request;
      const question = ["events", filter, oldestFirst];
      const cursor = pageToken === "" ? undefined : (openPageToken(keyring, question, pageToken) as number);
      const page = await store.listEvents({
        ...filter,
        ...(cursor !== undefined && { cursor }),
        oldestFirst,
        limit,
        timeoutMs: LIST_TIMEOUT_MS,
      });
      return {
        events: page.events.map(wireEvent),
        nextPageToken: page.next === undefined ? "" : sealPageToken(keyring, question, page.next),
      };
    },

    async *watchEvents(request, call) {
      askedOrganizations(request.organizationId, call.caller);
      const filter = watchFilterOf(request);
      bell.listen();
      const start = await startOf(request.afterPosition);
      seats.take(call);
      yield* watch(start, filter, call);
    },
  };
}

function passes(event: RecordedEvent, filter: WatchFilter, caller: Caller): boolean {
  const { userId, types, organizationId } = filter;
  const { aggregateType } = event;
  if (types !== undefined && !types.includes(event.type)) return false;
  if (organizationId !== undefined && event.organizationId !== organizationId) return false;
  if (userId !== undefined) {
    const isOfSubject = aggregateType === "user" || aggregateType === "service_account";
    if (!isOfSubject || event.aggregateId !== userId) return false;
  }
  return organizationsOf(caller, "events.read")?.includes(event.organizationId) !== false;
}

/** Those that a list is of: the one that is named, else all that the caller may read. @throws FailureError */
function askedOrganizations(named: string, caller: Caller): readonly string[] | undefined {
  if (named === "") return organizationsOf(caller, "events.read");
  const denied = checkPermission(caller, "events.read", { organizationId: named }, "not allowed");
  if (denied !== undefined) throw new FailureError(denied);
  return [named];
}
