/** From deliveries as the store has them to the messages of countersign.v1. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  BounceType as WireBounceType,
  DeliveryKind as WireKind,
  DeliveryState as WireState,
  RelayOutcome as WireOutcome,
  type DeliverySchema,
  type SuppressionSchema,
  type TimelineEntrySchema,
} from "../../gen/countersign/v1/delivery_pb.ts";
import type {
  BounceType,
  DeliveryHistory,
  DeliveryKind,
  DeliveryRecord,
  DeliveryState,
  DeliveryTry,
  Suppression,
  TimelineEntry,
  TimelineEvent,
} from "../store/deliveries.ts";
import { summaryOf } from "./delivery-summaries.ts";

export const WIRE_DELIVERY_STATES: Readonly<Record<DeliveryState, WireState>> = {
  queued: WireState.QUEUED,
  sending: WireState.SENDING,
  retrying: WireState.RETRYING,
  sent: WireState.SENT,
  failed: WireState.FAILED,
  cancelled: WireState.CANCELLED,
  expired: WireState.EXPIRED,
  bounced: WireState.BOUNCED,
};

export const WIRE_BOUNCE_TYPES: Readonly<Record<BounceType, WireBounceType>> = {
  permanent: WireBounceType.PERMANENT,
  transient: WireBounceType.TRANSIENT,
  complaint: WireBounceType.COMPLAINT,
  delayed: WireBounceType.DELAYED,
};

const WIRE_KINDS: Readonly<Record<DeliveryKind, WireKind>> = {
  code: WireKind.CODE,
  notice: WireKind.NOTICE,
  test: WireKind.TEST,
};

const WIRE_OUTCOMES: Readonly<Record<DeliveryTry["outcome"], WireOutcome>> = {
  accepted: WireOutcome.ACCEPTED,
  transient: WireOutcome.TRANSIENT,
  permanent: WireOutcome.PERMANENT,
};

type WireEntry = MessageInitShape<typeof TimelineEntrySchema>;

/** Without its timeline. */
export function wireDelivery(delivery: DeliveryRecord): MessageInitShape<typeof DeliverySchema> {
  return fieldsOf(delivery);
}

function fieldsOf(delivery: DeliveryRecord) {
  const { dueAtMs, endedAtMs } = delivery;
  return {
    deliveryId: delivery.deliveryId,
    kind: WIRE_KINDS[delivery.kind],
    state: WIRE_DELIVERY_STATES[delivery.state],
    userId: delivery.userId,
    organizationId: delivery.organizationId,
    recipient: delivery.recipient,
    codeId: delivery.codeId,
    messageId: delivery.messageId ?? "",
    queueTime: timestampFromMs(delivery.queuedAtMs),
    expireTime: timestampFromMs(delivery.expiresAtMs),
    ...(dueAtMs !== null && { nextAttemptTime: timestampFromMs(dueAtMs) }),
    ...(endedAtMs !== null && { endTime: timestampFromMs(endedAtMs) }),
    attemptCount: delivery.attempts,
    reason: delivery.problem ?? "",
    cancelRequested: delivery.state === "sending" && delivery.cancelRequestedBy !== null,
  };
}

export function wireHistory({
  delivery,
  timeline,
}: DeliveryHistory): MessageInitShape<typeof DeliverySchema> {
  const queued: WireEntry = {
    time: timestampFromMs(delivery.queuedAtMs),
    summary: "queued",
    entry: { case: "queued", value: {} },
  };
  return { ...fieldsOf(delivery), timeline: [queued, ...timeline.flatMap(withItsEnd).map(wireEntry)] };
}

const PENDING: ReadonlySet<DeliveryState> = new Set(["queued", "sending", "retrying"]);

/** An attempt that ended a mail is written once and shown as the two things that it was. */
function withItsEnd(entry: TimelineEntry, index: number, all: readonly TimelineEntry[]): TimelineEntry[] {
  const { event, atMs } = entry;
  if (event.kind !== "attempt" || PENDING.has(event.state)) return [entry];
  if (all[index + 1]?.event.kind === "ended") return [entry];
  const { state, problem } = event;
  return [entry, { atMs, event: { kind: "ended", state, ...(problem !== undefined && { problem }) } }];
}

function wireEntry({ atMs, event }: TimelineEntry): WireEntry {
  return { time: timestampFromMs(atMs), summary: summaryOf(event, atMs), entry: entryOf(event) };
}

function entryOf(event: TimelineEvent): NonNullable<WireEntry["entry"]> {
  switch (event.kind) {
    case "attempt":
      return {
        case: "attempt",
        value: {
          number: event.number,
          startTime: timestampFromMs(event.startedAtMs),
          state: WIRE_DELIVERY_STATES[event.state],
          reason: event.problem ?? "",
          ...(event.retryAtMs !== undefined && { nextAttemptTime: timestampFromMs(event.retryAtMs) }),
          replies: event.tries.map((each) => ({
            relay: each.relay,
            outcome: WIRE_OUTCOMES[each.outcome],
            replyCode: each.replyCode ?? 0,
            enhancedCode: each.enhancedCode ?? "",
            text: each.text,
          })),
        },
      };
    case "retryRequested":
      return { case: "retryRequested", value: { requestedBy: event.by } };
    case "cancelRequested":
      return { case: "cancelRequested", value: { requestedBy: event.by } };
    case "ended":
      return {
        case: "ended",
        value: { state: WIRE_DELIVERY_STATES[event.state], reason: event.problem ?? "" },
      };
    case "bounce":
      return {
        case: "bounce",
        value: {
          type: WIRE_BOUNCE_TYPES[event.type],
          enhancedCode: event.enhancedCode,
          diagnostic: event.diagnostic,
          reportingServer: event.reportingServer,
          addressSuppressed: event.suppresses,
          reportedBy: event.by,
        },
      };
  }
}

export function wireSuppression(suppression: Suppression): MessageInitShape<typeof SuppressionSchema> {
  const { type, createdAtMs, ...rest } = suppression;
  return { ...rest, type: WIRE_BOUNCE_TYPES[type], createTime: timestampFromMs(createdAtMs) };
}
