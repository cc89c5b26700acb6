/** What a decision means for the record, whatever the database: its events with their places, and the state after them. */
import { deciderOf, type AggregateId, type Command } from "../verification/aggregates.ts";
import type { Caller } from "../verification/caller.ts";
import type { AggregateHead, Decision, DomainEvent } from "../verification/decider.ts";
import type { Environment } from "../verification/environment.ts";
import type { RecordedEvent } from "./store.ts";

/** An event that has no position yet. */
export type PlacedEvent = Omit<RecordedEvent, "position">;

export interface Recording {
  /** After the events; the same as before when there are none. */
  readonly state: AggregateHead;
  readonly events: readonly PlacedEvent[];
}

export function recordingOf(
  { type, id }: AggregateId,
  before: AggregateHead,
  decision: Decision<DomainEvent, unknown>,
  env: Environment,
): Recording {
  const decider = deciderOf(type);
  const organizationId = decision.organizationId ?? before.organizationId;
  const editor = editorOf(env.caller);
  const { origin } = env;
  let state = before;
  const events = decision.events.map((event): PlacedEvent => {
    const place = { sequence: state.sequence + 1, createdAtMs: env.nowMs, organizationId };
    state = decider.evolve(state, event, place);
    return {
      ...place,
      aggregateType: type,
      aggregateId: id,
      type: event.type,
      payload: event.payload,
      editor,
      ...(origin !== undefined && { origin }),
    };
  });
  return { state, events };
}

/** Whether the command changed a user, as `Commit.changedUsers` has it: what became of a mail does not count. */
export function changesUser({ type }: AggregateId, command: Command, { events }: Recording): boolean {
  return type === "user" && events.length > 0 && command.type !== "email.recordSent";
}

/** Whether the event ends a user, whose personal data is to be erased in time. */
export function removesUser({ aggregateType, type }: PlacedEvent): boolean {
  return aggregateType === "user" && type === "user.removed";
}

function editorOf(caller: Caller): string {
  return caller.kind === "principal" ? caller.userId : caller.kind;
}
