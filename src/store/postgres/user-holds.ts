/**
 * Users who are held while somebody acts on what was found of them, over all instances.
 *
 * Who is about to hand a mail over must not be overtaken by the answer to a command that ends its code, or to the call that
 * cancels it. Both sides take two steps, and in opposite order:
 *
 *     holder     lock the user, then look; act; unlock
 *     command    commit, then see whether the user is locked; while it is, the answer waits
 *
 * So one of them always notices the other. A look that came before the commit has its lock when the command asks: the
 * answer waits until the holder has acted. A lock that comes after that question is followed by a look that finds what
 * was committed. Commands wait with their answers and with nothing else: the transaction is over by then, so no row stays
 * locked, nobody else's answer waits, and no connection does.
 *
 * The lock is an advisory one, in a transaction that only reads and is rolled back: it costs neither a transaction id nor
 * a sync, and passes a pooler in transaction mode. It ends with its connection, so with its process; PostgreSQL ends one
 * whose client went silent. Holds that are asked for together share a transaction and end together, so that two
 * connections, set aside for them, are enough. Who finds the user locked - by another holder, or by a command that asks
 * just then - asks again.
 *
 * Nobody waits for long. A holder may act for `holdMs` from its question on and is told when the hold is lost before, as
 * it is with its connection. So what a command waits for is over `holdMs` after its commit, whatever became of the
 * database; a grace is added for a holder that the system holds up between its look at the clock and its act.
 */
import { hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { UserState } from "../../verification/user/state.ts";
import { monotonicNowMs } from "../monotonic-clock.ts";
import type { CancelRequest, UserHold } from "../store.ts";
import type { Database, Transaction } from "./database.ts";
import { PoolBusyError } from "./errors.ts";
import { SELECT_CANCELLED } from "./outbox-rows.ts";
import type { Statement } from "./session.ts";
import { isStorable } from "./sql-text.ts";

const MAX_TOGETHER = 32;
const GRACE_MS = 500;
/** How often those who wait look again. */
const LOOK_EVERY_MS = 5;
/** A database that is away is not asked again at once. */
const FAULT_PAUSE_MS = 250;

const LOCK: Statement = {
  name: "lock_held_users",
  text: "SELECT key::text AS key FROM unnest($1::bigint[]) AS key WHERE pg_try_advisory_xact_lock(key)",
};
/** A statement of its own: what it sees was not committed before the lock, but up to it. */
const LOOK: Statement = {
  name: "select_held_users",
  text: "SELECT id, state FROM aggregates WHERE type = 'user' AND id = ANY($1)",
};
/** Commands do not hold each other up: they share the lock, for as long as the statement takes. */
const FIND_HELD: Statement = {
  name: "find_held_users",
  text: "SELECT key::text AS key FROM unnest($1::bigint[]) AS key WHERE NOT pg_try_advisory_xact_lock_shared(key)",
};

interface Asked {
  readonly userId: string;
  /** What is to be handed over. */
  readonly deliveryId: string | undefined;
  readonly lost: () => void;
  readonly sinceMs: number;
  readonly answer: PromiseWithResolvers<UserHold>;
}

interface Waiting {
  readonly resolve: () => void;
  readonly timer: NodeJS.Timeout;
}

export class UserHolds {
  readonly #database: Database;
  readonly #holdMs: number;
  #asked: Asked[] = [];
  #transactions = 0;
  /** Answers that wait, by user. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  #isLooking = false;

  /** @param holdMs how long a user is held at most; the same in all instances */
  constructor(database: Database, holdMs: number) {
    this.#database = database;
    this.#holdMs = holdMs;
  }

  /** See Store.holdUser. @throws Error of the database; PoolBusyError when others held the user all the time */
  hold(userId: string, lost: () => void, deliveryId?: string): Promise<UserHold> {
    const answer = Promise.withResolvers<UserHold>();
    const asked: Asked = { userId, deliveryId, lost, sinceMs: monotonicNowMs(), answer };
    this.#asked.push(asked);
    this.#flush();
    return asked.answer.promise;
  }

  /**
   * Asks with the COMMIT which of these users are held.
   *
   * @returns never rejects; all of them where it cannot be found out
   */
  async findHeld(transaction: Transaction, userIds: readonly string[]): Promise<ReadonlySet<string>> {
    const ids = new Set(userIds);
    if (ids.size === 0) return ids;
    try {
      const answer = await transaction.afterCommit<{ key: string }>(FIND_HELD, [[...ids].map(keyOf)]);
      return heldOf(ids, answer.rows);
    } catch {
      return ids;
    }
  }

  /** Resolves once nobody holds the user who looked before this was asked, or could act on it. Never rejects. */
  async released(userId: string): Promise<void> {
    const known = this.#waiting.get(userId) ?? new Set();
    this.#waiting.set(userId, known);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#forget(userId, waiting), this.#holdMs + GRACE_MS);
      const waiting: Waiting = { resolve, timer };
      known.add(waiting);
      void this.#look();
    });
  }

  // --- holding --------------------------------------------------------------------------------------------------------

  #flush(): void {
    if (this.#transactions >= this.#database.maxHoldings || this.#asked.length === 0) return;
    this.#transactions += 1;
    const together = this.#asked.splice(0, MAX_TOGETHER);
    void this.#holdTogether(together)
      .catch(async (error: Error) => {
        await sleep(FAULT_PAUSE_MS);
        for (const { answer } of together) answer.reject(error);
      })
      .finally(() => {
        this.#transactions -= 1;
        this.#flush();
      });
  }

  /** Until all are released, or their time is over, or the connection is lost. */
  async #holdTogether(together: readonly Asked[]): Promise<void> {
    const sinceMs = monotonicNowMs();
    /** Those that were not released, each with who is told of its loss. */
    const holds = new Map<UserHold, () => void>();
    const over = Promise.withResolvers<void>();
    const lose = () => {
      for (const lost of holds.values()) lost();
      over.resolve();
    };
    await this.#database.holdOpen(this.#holdMs + 2 * GRACE_MS, async (transaction) => {
      const ids = together.map(({ userId }) => userId);
      const deliveryIds = together.flatMap(({ deliveryId }) => deliveryId ?? []);
      const [locked, found, cancelled] = await Promise.all([
        transaction.query<{ key: string }>(LOCK, [ids.map(keyOf)]),
        transaction.query<{ id: string; state: string }>(LOOK, [ids.filter(isStorable)]),
        transaction.query<CancelRequest>(SELECT_CANCELLED, [deliveryIds]),
      ]);
      const keys = new Set(locked.rows.map(({ key }) => key));
      const cancellers = new Map(cancelled.rows.map(({ deliveryId, by }) => [deliveryId, by]));
      const states = new Map(found.rows.map(({ id, state }) => [id, state]));
      for (const asked of together) {
        if (!keys.has(keyOf(asked.userId))) {
          this.#askAgain(asked);
          continue;
        }
        const state = states.get(asked.userId);
        const hold: UserHold = {
          user: state === undefined ? undefined : (JSON.parse(state) as UserState),
          cancelledBy: asked.deliveryId === undefined ? undefined : cancellers.get(asked.deliveryId),
          untilMs: sinceMs + this.#holdMs,
          release() {
            holds.delete(hold);
            if (holds.size === 0) over.resolve();
          },
        };
        holds.set(hold, asked.lost);
        asked.answer.resolve(hold);
      }
      if (holds.size === 0) return;
      transaction.onLost(lose);
      const leftMs = Math.max(0, sinceMs + this.#holdMs + GRACE_MS - monotonicNowMs());
      const timer = setTimeout(lose, leftMs);
      await over.promise;
      clearTimeout(timer);
    });
  }

  #askAgain(asked: Asked): void {
    if (monotonicNowMs() - asked.sinceMs > this.#holdMs) {
      asked.answer.reject(new PoolBusyError("the user is held by others all the time"));
      return;
    }
    setTimeout(
      () => {
        this.#asked.push(asked);
        this.#flush();
      },
      LOOK_EVERY_MS * (0.5 + Math.random()),
    );
  }

  // --- waiting --------------------------------------------------------------------------------------------------------

  #forget(userId: string, waiting: Waiting): void {
    clearTimeout(waiting.timer);
    waiting.resolve();
    const known = this.#waiting.get(userId);
    known?.delete(waiting);
    if (known?.size === 0) this.#waiting.delete(userId);
  }

  /** One look at a time, for all who wait. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#waiting.size > 0) {
      await sleep(LOOK_EVERY_MS);
      // Those who join while it is under way are looked for by the next.
      const asked = [...this.#waiting].map(([userId, known]) => [userId, [...known]] as const);
      const ids = new Set(asked.map(([userId]) => userId));
      try {
        const { rows } = await this.#database.read<{ key: string }>(FIND_HELD, [[...ids].map(keyOf)]);
        const held = heldOf(ids, rows);
        for (const [userId, known] of asked) {
          if (!held.has(userId)) for (const waiting of known) this.#forget(userId, waiting);
        }
      } catch {
        // Their time ends the wait.
      }
    }
    this.#isLooking = false;
  }
}

/** Other locks in the same database may have the same key by chance: somebody waits in vain for a moment then. */
function keyOf(userId: string): string {
  return hash("sha256", `held user ${userId}`, "buffer").readBigInt64BE().toString();
}

function heldOf(userIds: ReadonlySet<string>, rows: readonly { key: string }[]): ReadonlySet<string> {
  if (rows.length === 0) return new Set();
  const keys = new Set(rows.map(({ key }) => key));
  return new Set([...userIds].filter((userId) => keys.has(keyOf(userId))));
}
