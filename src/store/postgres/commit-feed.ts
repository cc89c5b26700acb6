/**
 * Tells this process's listeners of commits: of its own at once, of other instances' as soon as they are found.
 *
 * The truth is in the tables. `log_head` says up to which position events can be read; those between what was told and
 * that position are read, and the users that they changed are told. This look is taken every poll interval, whatever was
 * heard. NOTIFY only makes it sooner: each transaction with events tells the channel who made it, and whoever listens
 * looks at once. What is lost of it (a broken connection, a pooler that does not pass it on) costs the poll interval.
 *
 * What is told of other instances:
 * - position: of the last event that was found;
 * - changedUsers: all users that those events changed;
 * - queuedMail: at the poll only, when the time at which the next mail is due has changed. Whoever queues a mail sends
 *   it; the others help with what is left, which is what the outbox shows after an interval;
 * - cancelRequests: of mails that this process has claimed.
 *
 * Own commits are told before their callers are answered. Those of other instances come some milliseconds after their
 * callers were answered, at the latest after the poll interval.
 */
import { randomUUID } from "node:crypto";
import { Client } from "pg";
import type { AggregateType } from "../../verification/aggregates.ts";
import type { CancelRequest, Commit } from "../store.ts";
import type { ClaimRegister } from "./claim-register.ts";
import type { Database, Transaction } from "./database.ts";
import { SELECT_CANCELLED } from "./outbox-rows.ts";
import { SELECT_HEAD } from "./positions.ts";
import type { Statement } from "./session.ts";

const CHANNEL = "countersign";
const EVENTS_AT_A_TIME = 1_000;

const NOTIFY: Statement = { name: "notify", text: `SELECT pg_notify('${CHANNEL}', $1)` };
const SELECT_STATE: Statement = {
  name: "select_feed_state",
  text: `SELECT (SELECT position FROM log_head WHERE id = 1) AS position,
    (SELECT min(due_at_ms) FROM outbox WHERE due_at_ms IS NOT NULL) AS due`,
};
const SELECT_CHANGES: Statement = {
  name: "select_changes",
  text: `SELECT position, aggregate_type AS "aggregateType", aggregate_id AS "aggregateId", type
    FROM events WHERE position > $1 ORDER BY position LIMIT ${EVENTS_AT_A_TIME}`,
};
/** What became of a mail does not count as a change of its user. */
const MAIL_SENT = "user.human.email.code.sent";

interface Change {
  readonly position: number;
  readonly aggregateType: AggregateType;
  readonly aggregateId: string;
  readonly type: string;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** What an own commit tells. */
export interface OwnCommit {
  readonly positions: Range | undefined;
  readonly queuedMail: boolean;
  readonly changedUsers: readonly string[];
  readonly cancelRequests?: readonly CancelRequest[];
  readonly erasedMails?: boolean;
}

export interface CommitFeedOptions {
  readonly database: Database;
  readonly pollIntervalMs: number;
  readonly listens: boolean;
  /** Which mails this process has. */
  readonly claims: ClaimRegister;
}

export class CommitFeed {
  readonly #options: CommitFeedOptions;
  readonly #listeners = new Set<(commit: Commit) => void>();
  /** Names this process on the channel. */
  readonly #instance = randomUUID();
  /** Own commits beyond what was looked at, in no order. */
  readonly #own = new Set<Range>();
  /** Every event up to here was told, or is of a commit that was. */
  #followed = 0;
  /** The highest position that was told. */
  #told = 0;
  #dueMs: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #ear: Client | undefined;
  #looking: Promise<void> | undefined;
  #wanted = false;
  #isClosed = false;

  constructor(options: CommitFeedOptions) {
    this.#options = options;
  }

  /** Events that are there already are not told. */
  async start(): Promise<void> {
    const { database, pollIntervalMs } = this.#options;
    const { rows } = await database.read<{ position: number }>(SELECT_HEAD);
    this.#followed = this.#told = rows[0]?.position ?? 0;
    this.#timer = setInterval(() => this.#poll(), pollIntervalMs).unref();
    this.#listen();
  }

  listen(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Defers a word to the other instances. */
  notify(transaction: Transaction): void {
    // Who does not listen is in the company of others that do not.
    if (this.#options.listens) void transaction.defer(NOTIFY, [this.#instance]);
  }

  /** Call before the callers of the commit are answered. */
  tell({ positions, queuedMail, changedUsers, cancelRequests = [], erasedMails = false }: OwnCommit): void {
    if (positions !== undefined) {
      this.#own.add(positions);
      this.#skipOwn();
    } else if (!queuedMail && cancelRequests.length === 0 && !erasedMails) return;
    this.#publish({ position: positions?.last ?? 0, queuedMail, changedUsers, cancelRequests, erasedMails });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#looking;
    // Not waited for: the database closes what is still open.
    this.#ear?.end().catch(() => {});
  }

  #publish(commit: Commit): void {
    this.#told = Math.max(this.#told, commit.position);
    const told = { ...commit, position: this.#told };
    for (const listener of this.#listeners) listener(told);
  }

  /** Own commits that follow directly on what was told need no look. */
  #skipOwn(): void {
    for (let hasMoved = true; hasMoved;) {
      hasMoved = false;
      for (const range of this.#own) {
        if (range.first > this.#followed + 1) continue;
        this.#followed = Math.max(this.#followed, range.last);
        this.#own.delete(range);
        hasMoved = true;
      }
    }
  }

  // --- other instances --------------------------------------------------------------------------------------------

  #poll(): void {
    this.#listen();
    this.#look();
  }

  /** A look that is asked for while one is taken follows it. */
  #look(): void {
    this.#wanted = true;
    this.#looking ??= this.#lookAround().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Never rejects: what was missed is found at the next look. */
  async #lookAround(): Promise<void> {
    try {
      while (this.#wanted && !this.#isClosed) {
        this.#wanted = false;
        await this.#lookOnce();
      }
    } catch {
      this.#wanted = false;
    }
  }

  async #lookOnce(): Promise<void> {
    const { database } = this.#options;
    const { rows } = await database.read<{ position: number; due: number | null }>(SELECT_STATE);
    const { position = 0, due = null } = rows[0] ?? {};
    const queuedMail = due !== null && due !== this.#dueMs;
    this.#dueMs = due;
    const changedUsers = await this.#follow(position);
    const cancelRequests = await this.#findCancelled();
    if (position > this.#told || queuedMail || changedUsers.length > 0 || cancelRequests.length > 0) {
      this.#publish({ position, queuedMail, changedUsers, cancelRequests });
    }
  }

  async #follow(position: number): Promise<string[]> {
    const changed = new Set<string>();
    while (this.#followed < position) {
      const { rows } = await this.#options.database.read<Change>(SELECT_CHANGES, [this.#followed]);
      for (const change of rows) {
        const isOwn = [...this.#own].some(
          ({ first, last }) => first <= change.position && change.position <= last,
        );
        if (!isOwn && change.aggregateType === "user" && change.type !== MAIL_SENT)
          changed.add(change.aggregateId);
      }
      const last = rows.at(-1)?.position;
      if (last === undefined) break;
      this.#followed = Math.max(this.#followed, last);
      this.#skipOwn();
    }
    return [...changed];
  }

  async #findCancelled(): Promise<CancelRequest[]> {
    const { claims, database } = this.#options;
    const unmarked = claims.unmarked();
    if (unmarked.length === 0) return [];
    const { rows } = await database.read<CancelRequest>(SELECT_CANCELLED, [unmarked]);
    claims.mark(rows.map(({ deliveryId }) => deliveryId));
    return [...rows];
  }

  // --- the channel ------------------------------------------------------------------------------------------------

  /** Listens, unless it does already. */
  #listen(): void {
    const { database, listens } = this.#options;
    if (!listens || this.#ear !== undefined || this.#isClosed) return;
    const ear = new Client(database.connectionSettings());
    this.#ear = ear;
    const lose = () => {
      if (this.#ear === ear) this.#ear = undefined;
    };
    ear.on("error", lose);
    ear.on("end", lose);
    ear.on("notification", ({ payload }) => {
      if (payload !== this.#instance) this.#look();
    });
    ear
      .connect()
      .then(() => ear.query(`LISTEN ${CHANNEL}`))
      .then(() => this.#look())
      .catch(() => {
        lose();
        ear.end().catch(() => {});
      });
    // pg's types do not know it.
    (ear as unknown as { unref(): void }).unref();
  }
}
