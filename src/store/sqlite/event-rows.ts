/** Rows of the event log as the port hands them out. */
import type { RecordedEvent } from "../store.ts";

export const EVENT_COLUMNS = `position, aggregate_type AS aggregateType, aggregate_id AS aggregateId, sequence, type,
  payload, created_at_ms AS createdAtMs, organization_id AS organizationId, editor, request_id AS requestId,
  client_address AS clientAddress`;

/** A row of `EVENT_COLUMNS`. */
export interface EventRow extends Omit<RecordedEvent, "payload" | "origin"> {
  readonly payload: string;
  readonly requestId: string | null;
  readonly clientAddress: string | null;
}

export function recordedEvent({ payload, requestId, clientAddress, ...row }: EventRow): RecordedEvent {
  const event = { ...row, payload: JSON.parse(payload) as object };
  if (requestId === null && clientAddress === null) return event;
  const origin = {
    ...(requestId !== null && { requestId }),
    ...(clientAddress !== null && { clientAddress }),
  };
  return { ...event, origin };
}
