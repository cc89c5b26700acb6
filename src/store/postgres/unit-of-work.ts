/**
 * Commands that share a transaction.
 *
 * All aggregates of the commands are locked and loaded together, then all rows outside them that the rules look at. The
 * decisions follow one after the other in memory, each on what the ones before it left: a command sees its neighbours'
 * changes as if each had run alone. What has changed in the end is written row by row once, with the COMMIT.
 *
 * A command that throws has changed nothing here, so the others do not notice.
 *
 * Locks are taken in one order by all instances: outbox rows, aggregates, buckets, answers, each by its key; then new
 * rows, table by table, each by its key; the head of the log last (positions.ts). Rows that do not exist cannot be
 * locked. Two transactions that make one row meet in its unique key: the later fails, and runs again on what the first
 * left. A neighbour's change can make a command look at rows that nobody foresaw; these are locked out of order, and
 * PostgreSQL finds the deadlock that may come of it.
 */
import {
  aggregateOf,
  deciderOf,
  type AggregateId,
  type AggregateStates,
  type AggregateType,
  type AnyDecider,
  type Command,
} from "../../verification/aggregates.ts";
import type { AggregateHead, Decision, DomainEvent, FactKey } from "../../verification/decider.ts";
import type { Environment } from "../../verification/environment.ts";
import type { Failure } from "../../verification/failures.ts";
import { changesUser, recordingOf, removesUser, type PlacedEvent, type Recording } from "../recording.ts";
import type { Transaction } from "./database.ts";
import { writeErasures } from "./erasure.ts";
import { FactTable } from "./fact-table.ts";
import { byText } from "./order.ts";
import type { Statement } from "./session.ts";
import { isStorable } from "./sql-text.ts";
import { writeOutboxEntries, type QueuedEntry } from "./outbox-rows.ts";
import { appendEvents } from "./positions.ts";
import { writeProjections } from "./projections.ts";

export interface CommandTask {
  readonly command: Command;
  readonly env: Environment;
}

export type CommandResult =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "refused"; readonly failure: Failure }
  /** The command alone failed: a bug, or data that the rules did not foresee. */
  | { readonly kind: "error"; readonly error: Error };

/** What a transaction of commands means to others, once it is committed. */
export interface Effects {
  /** Positions of its events; undefined when there are none. */
  readonly positions: Promise<{ readonly first: number; readonly last: number }> | undefined;
  readonly queuedMail: boolean;
  readonly changedUsers: readonly string[];
}

interface Loaded {
  readonly id: AggregateId;
  readonly decider: AnyDecider;
  readonly before: AggregateHead;
  state: AggregateHead;
}

interface Foreseen {
  readonly state: AggregateHead;
  readonly keys: readonly FactKey[];
}

const LOAD: Statement = {
  name: "load_aggregates",
  text: `SELECT a.type, a.id, a.state FROM aggregates a
    JOIN json_to_recordset($1) AS wanted (type TEXT, id TEXT) ON a.type = wanted.type AND a.id = wanted.id
    ORDER BY a.type, a.id FOR UPDATE OF a`,
};

const SAVE: Statement = {
  name: "save_aggregates",
  text: `INSERT INTO aggregates (type, id, state)
    SELECT type, id, state FROM json_to_recordset($1) AS r (type TEXT, id TEXT, state TEXT)
    ON CONFLICT (type, id) DO UPDATE SET state = excluded.state`,
};

export class UnitOfWork {
  readonly #transaction: Transaction;
  readonly #facts: FactTable;
  readonly #aggregates = new Map<string, Loaded>();
  readonly #events: PlacedEvent[] = [];
  readonly #outbox: QueuedEntry[] = [];
  readonly #changedUsers: string[] = [];

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
    this.#facts = new FactTable(transaction, (type, id) => this.#findLoaded(type, id));
  }

  /** Call once; the writes are deferred to the commit. */
  async run(tasks: readonly CommandTask[]): Promise<readonly CommandResult[]> {
    await this.#load(tasks);
    const foreseen = tasks.map((task) => this.#foresee(task));
    await this.#facts.load(foreseen.flatMap((each) => each?.keys ?? []));
    const results: CommandResult[] = [];
    for (const [index, task] of tasks.entries()) results.push(await this.#perform(task, foreseen[index]));
    return results;
  }

  /** Those whom its commands are about, changed or not: call after `run`. */
  get users(): readonly string[] {
    return [...this.#aggregates.values()].flatMap(({ id }) => (id.type === "user" ? [id.id] : []));
  }

  /** Defers all writes. */
  finish(): Effects {
    const changed = [...this.#aggregates.values()].filter(({ before, state }) => before !== state);
    if (changed.length > 0) {
      const rows = changed.map(({ id, state }) => ({ ...id, state: JSON.stringify(state) }));
      void this.#transaction.defer(SAVE, [JSON.stringify(rows)]);
      writeProjections(this.#transaction, changed);
    }
    this.#facts.write();
    writeErasures(this.#transaction, this.#events.filter(removesUser));
    writeOutboxEntries(this.#transaction, this.#outbox);
    const positions = this.#events.length === 0 ? undefined : appendEvents(this.#transaction, this.#events);
    // After a failed commit nobody asks for them.
    positions?.catch(() => {});
    return {
      positions,
      queuedMail: this.#outbox.length > 0,
      changedUsers: this.#changedUsers,
    };
  }

  async #load(tasks: readonly CommandTask[]): Promise<void> {
    const ids = new Map(tasks.map(({ command }) => [keyOf(aggregateOf(command)), aggregateOf(command)]));
    if (ids.size === 0) return;
    const wanted = [...ids]
      .toSorted(([a], [b]) => byText(a, b))
      .map(([, id]) => id)
      .filter(({ id }) => isStorable(id));
    const { rows } = await this.#transaction.query<AggregateId & { state: string }>(LOAD, [
      JSON.stringify(wanted),
    ]);
    const found = new Map(rows.map((row) => [keyOf(row), JSON.parse(row.state) as AggregateHead]));
    for (const [key, id] of ids) {
      const decider = deciderOf(id.type);
      const before = found.get(key) ?? decider.initial;
      this.#aggregates.set(key, { id, decider, before, state: before });
    }
  }

  /** Errors come again when the command's turn comes. */
  #foresee({ command, env }: CommandTask): Foreseen | undefined {
    const { decider, state } = this.#loaded(command);
    try {
      return { state, keys: decider.needs(state, command, env) };
    } catch {
      return undefined;
    }
  }

  async #perform(task: CommandTask, foreseen: Foreseen | undefined): Promise<CommandResult> {
    const { command, env } = task;
    const loaded = this.#loaded(command);
    const { decider, state, id } = loaded;
    let keys: readonly FactKey[];
    try {
      keys = foreseen?.state === state ? foreseen.keys : decider.needs(state, command, env);
    } catch (error) {
      return failed(error);
    }
    const loading = this.#facts.load(keys);
    if (loading !== undefined) await loading;
    let decision: Decision<DomainEvent, unknown>;
    let recording: Recording;
    try {
      decision = decider.decide(state, this.#facts, command, env);
      recording = recordingOf(id, state, decision, env);
    } catch (error) {
      return failed(error);
    }
    // Some counters are raised without a look at them.
    const loadingDebits = this.#facts.load(decision.debits.map(({ bucket }) => ({ kind: "bucket", bucket })));
    if (loadingDebits !== undefined) await loadingDebits;
    try {
      this.#facts.apply(id.id, decision, env.nowMs);
      loaded.state = recording.state;
      this.#note(decision, recording.events, env);
      if (changesUser(id, command, recording)) this.#changedUsers.push(id.id);
      return decision.outcome.ok
        ? { kind: "done", value: decision.outcome.reply }
        : { kind: "refused", failure: decision.outcome.failure };
    } catch (error) {
      return failed(error);
    }
  }

  #note(
    { outbox }: Decision<DomainEvent, unknown>,
    events: readonly PlacedEvent[],
    { nowMs }: Environment,
  ): void {
    this.#events.push(...events);
    for (const entry of outbox) this.#outbox.push({ entry, nowMs });
  }

  #loaded(command: Command): Loaded {
    const loaded = this.#aggregates.get(keyOf(aggregateOf(command)));
    if (loaded === undefined) throw new Error(`the aggregate of ${command.type} was not loaded`);
    return loaded;
  }

  /** An aggregate as its neighbours have left it; undefined where there is none, or none of them is about it. */
  #findLoaded<Type extends AggregateType>(type: Type, id: string): AggregateStates[Type] | undefined {
    const loaded = this.#aggregates.get(keyOf({ type, id }));
    return loaded === undefined || loaded.state.sequence === 0
      ? undefined
      : (loaded.state as AggregateStates[Type]);
  }
}

function failed(error: unknown): CommandResult {
  return { kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
}

function keyOf({ type, id }: AggregateId): string {
  return `${type}:${id}`;
}
