/** The events in commit order, and the snapshot of each aggregate after its last one. */
import type { Database, Statement } from "better-sqlite3";
import type { AggregateId, AggregateStates, AggregateType } from "../../verification/aggregates.ts";
import type { AggregateHead } from "../../verification/decider.ts";
import { isActiveOwner } from "../../verification/last-owner.ts";
import type { ServiceAccountState } from "../../verification/service-account.ts";
import type { Recording } from "../recording.ts";

/** An aggregate that has events. */
export interface Snapshot {
  readonly row: number;
  /** Of its last event. */
  readonly position: number;
  readonly state: AggregateHead;
}

interface Row {
  readonly row: number;
  readonly position: number;
  readonly state: string;
}

export class EventLog {
  readonly #statements: ReturnType<typeof prepare>;
  #position = 0;

  constructor(database: Database) {
    this.#statements = prepare(database);
    this.readPosition();
  }

  /** Of the last event of all. */
  get position(): number {
    return this.#position;
  }

  /** To be called after a rollback, which takes positions with it. */
  readPosition(): void {
    this.#position = this.#statements.lastPosition.get() as number;
  }

  find({ type, id }: AggregateId): Snapshot | undefined {
    const row = this.#statements.select.get(type, id) as Row | undefined;
    return row && { ...row, state: JSON.parse(row.state) as AggregateHead };
  }

  stateOf<Type extends AggregateType>(type: Type, id: string): AggregateStates[Type] | undefined {
    return this.find({ type, id })?.state as AggregateStates[Type] | undefined;
  }

  /** Ids of the active owners of an organization, or of all for "". All accounts are looked at, so this is for seldom. */
  ownersOf(organizationId: string): readonly string[] {
    const rows = this.#statements.selectPossibleOwners.all() as { id: string; state: string }[];
    return rows
      .filter(({ state }) => isActiveOwner(JSON.parse(state) as ServiceAccountState, organizationId))
      .map(({ id }) => id);
  }

  /**
   * @param before undefined for an aggregate without events
   * @param recording with an event at least
   */
  append({ type, id }: AggregateId, before: Snapshot | undefined, { events, state }: Recording): void {
    const { insertEvent, insert, update } = this.#statements;
    let previous = before?.position ?? 0;
    for (const event of events) {
      this.#position += 1;
      insertEvent.run(
        this.#position,
        previous,
        type,
        id,
        event.sequence,
        event.type,
        JSON.stringify(event.payload),
        event.createdAtMs,
        event.organizationId,
        event.editor,
        event.origin?.requestId ?? null,
        event.origin?.clientAddress ?? null,
      );
      previous = this.#position;
    }
    // Snapshots that were used last, kept in memory, gained nothing: SQLite has the pages, and there is more garbage.
    if (before === undefined) insert.run(type, id, previous, JSON.stringify(state));
    else update.run(previous, JSON.stringify(state), before.row);
  }
}

function prepare(
  database: Database,
): Record<
  "lastPosition" | "select" | "selectPossibleOwners" | "insert" | "update" | "insertEvent",
  Statement
> {
  const sql = (text: string) => database.prepare(text);
  return {
    lastPosition: sql("SELECT coalesce(max(position), 0) FROM events").pluck(),
    select: sql("SELECT row, position, state FROM aggregates WHERE type = ? AND id = ?"),
    selectPossibleOwners: sql(
      "SELECT id, state FROM aggregates WHERE type = 'service_account' AND state LIKE '%_OWNER\"%'",
    ),
    insert: sql("INSERT INTO aggregates (type, id, position, state) VALUES (?, ?, ?, ?)"),
    update: sql("UPDATE aggregates SET position = ?, state = ? WHERE row = ?"),
    insertEvent: sql(
      `INSERT INTO events (position, previous, aggregate_type, aggregate_id, sequence, type, payload, created_at_ms,
         organization_id, editor, request_id, client_address)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
  };
}
