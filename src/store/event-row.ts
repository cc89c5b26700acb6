/** Rows of the event log as databases hold them, and as the port hands them out. */
import type { RecordedEvent } from "./store.ts";

export interface EventRow extends Omit<RecordedEvent, "payload" | "origin"> {
  /** JSON. */
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
