/** From the messages of countersign.v1 to questions for the store. What is unset in a message stays absent. */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { DeliveryState as WireState, ProviderBounce } from "../../gen/countersign/v1/delivery_pb.ts";
import type { ListDeliveriesRequest } from "../../gen/countersign/v1/delivery_service_pb.ts";
import type { BounceReport, BounceType, DeliveryQuery, DeliveryState } from "../store/deliveries.ts";
import type { Caller, Permission } from "../verification/caller.ts";
import { parseMailbox } from "../verification/email-address.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { WIRE_BOUNCE_TYPES, WIRE_DELIVERY_STATES } from "./delivery-replies.ts";

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1_000;

/** What all pages of a list have in common. */
export type DeliveryFilter = Omit<DeliveryQuery, "after" | "limit" | "timeoutMs">;

/** @throws FailureError REQUEST_INVALID for a state that is none */
export function deliveryFilterOf(
  request: ListDeliveriesRequest,
  organizationIds: readonly string[] | undefined,
): DeliveryFilter {
  const { userId, recipient, states, queuedFrom, queuedBefore } = request;
  return {
    ...(organizationIds !== undefined && { organizationIds }),
    ...(userId !== "" && { userId }),
    ...(recipient !== "" && { recipient }),
    ...(states.length > 0 && { states: states.map(stateOf) }),
    ...(queuedFrom !== undefined && { queuedFromMs: millisecondsOf(queuedFrom) }),
    ...(queuedBefore !== undefined && { queuedBeforeMs: millisecondsOf(queuedBefore) }),
  };
}

/** Times of rows are whole milliseconds: "from" and "before" are so as well when rounded up. */
function millisecondsOf(timestamp: Timestamp): number {
  return timestampMs(timestamp) + (timestamp.nanos % 1_000_000 > 0 ? 1 : 0);
}

function stateOf(wire: WireState, index: number): DeliveryState {
  const states = Object.entries(WIRE_DELIVERY_STATES) as [DeliveryState, WireState][];
  const state = states.find(([, known]) => known === wire)?.[0];
  if (state === undefined) throw invalidField(`states[${index}]`, "value must be one of the defined states");
  return state;
}

/** @throws FailureError REQUEST_INVALID */
export function pageSizeOf({ pageSize }: { readonly pageSize: number }): number {
  if (pageSize < 0 || pageSize > MAX_PAGE_SIZE) {
    throw invalidField(
      "page_size",
      `value must be between 1 and ${MAX_PAGE_SIZE}, or 0 for ${DEFAULT_PAGE_SIZE}`,
    );
  }
  return pageSize === 0 ? DEFAULT_PAGE_SIZE : pageSize;
}

/**
 * The bare address that a test mail goes to.
 *
 * @throws FailureError EMAIL_INVALID, EMAIL_HAS_DISPLAY_NAME
 */
export function addressOf(text: string): string {
  const parsed = parseMailbox(text);
  if (!parsed.ok) throw new FailureError(failure("EMAIL_INVALID", { metadata: { problem: parsed.problem } }));
  if (parsed.mailbox.displayName !== undefined) throw new FailureError(failure("EMAIL_HAS_DISPLAY_NAME"));
  return parsed.mailbox.address;
}

/** @throws FailureError REQUEST_INVALID for a report without a type */
export function providerReportOf(bounce: ProviderBounce): BounceReport {
  const type = (Object.keys(WIRE_BOUNCE_TYPES) as BounceType[]).find(
    (name) => WIRE_BOUNCE_TYPES[name] === bounce.type,
  );
  if (type === undefined) throw invalidField("bounce.type", "value is required");
  return {
    messageId: bounce.messageId.trim().replace(/^<(.*)>$/s, "$1"),
    type,
    suppresses: type === "permanent" || type === "complaint",
    enhancedCode: bounce.enhancedCode,
    diagnostic: oneLine(bounce.diagnostic),
    reportingServer: "",
  };
}

/** Organizations in which the caller holds the permission; undefined for all of them. */
export function organizationsOf(caller: Caller, permission: Permission): readonly string[] | undefined {
  if (caller.kind !== "principal") return [];
  const holding = caller.grants.filter((grant) => grant.permissions.includes(permission));
  if (holding.some((grant) => grant.organizationId === undefined)) return undefined;
  return [...new Set(holding.flatMap((grant) => grant.organizationId ?? []))].toSorted();
}

function oneLine(text: string): string {
  return text.replace(/[\p{C}\s]+/gu, " ").trim();
}

function invalidField(field: string, description: string): FailureError {
  return new FailureError(
    failure("REQUEST_INVALID", {
      text: `invalid ${field}: ${description}`,
      fields: [{ field, description }],
    }),
  );
}
