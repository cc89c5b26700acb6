/**
 * A bounded queue of commands, and group commit.
 *
 * One batch is under way at a time. What arrives meanwhile, or in one turn of the event loop, shares the next transaction:
 * its locks, its trips, its sync. A lone command waits for nothing but the end of the turn. A full queue refuses: nothing
 * was executed.
 *
 * A batch that fails as a whole has three ways to go on:
 * - another transaction was in the way (conflict): it runs again, a few times;
 * - one of its commands may be to blame (a row that stays locked, a value that the database does not take, or still a
 *   conflict): each of them runs alone, beside the batches that follow, so that only the one to blame fails;
 * - the database is away: all of them are refused. If the COMMIT was under way, nobody knows what became of them, and the
 *   refusal says so.
 *
 * What is committed is told to listeners, then answered. Only the answers about a user who is held (user-holds.ts) wait.
 *
 * States: `open`; `unavailable` after the database was away: everything is refused at once, while a probe finds out when
 * it is back.
 */
import { aggregateOf, type Command } from "../../verification/aggregates.ts";
import type { CommitMeter } from "../../observability/meters.ts";
import { failure, FailureError } from "../../verification/failures.ts";
import type { Database } from "./database.ts";
import { refusalOf, storeUnavailable, troubleOf } from "./errors.ts";
import { withRetries } from "./retry.ts";
import { UnitOfWork, type CommandResult, type CommandTask } from "./unit-of-work.ts";
import type { UserHolds } from "./user-holds.ts";

const MAX_BATCH_COMMANDS = 256;
/** How many commands of failed batches run alone at the same time. */
const MAX_ALONE = 3;
const PROBE_INTERVAL_MS = 250;
/** What an overloaded caller is told to wait: several full batches. */
const OVERLOAD_RETRY_MS = 250;

/** What a committed batch means to others. */
export interface BatchCommit {
  readonly positions: { readonly first: number; readonly last: number } | undefined;
  readonly queuedMail: boolean;
  readonly changedUsers: readonly string[];
}

export interface GroupCommitOptions {
  readonly database: Database;
  readonly holds: Pick<UserHolds, "findHeld" | "released">;
  readonly maxWaiting: number;
  /** Names this process to the other instances. */
  readonly notify: (transaction: Parameters<Parameters<Database["transaction"]>[0]>[0]) => void;
  readonly onCommit: (commit: BatchCommit) => void;
  readonly meter?: CommitMeter | undefined;
}

interface Waiting {
  readonly task: CommandTask;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface BatchResult extends BatchCommit {
  readonly results: readonly CommandResult[];
  readonly heldUsers: ReadonlySet<string>;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #state: "open" | "unavailable" = "open";
  #waiting: Waiting[] = [];
  #isBusy = false;
  #isFlushScheduled = false;
  /** Of failed batches; they are still to run, each for itself. */
  #alone: Waiting[] = [];
  #runningAlone = 0;
  /** Answers that wait for the end of a hold. */
  #unanswered = 0;
  #probe: NodeJS.Timeout | undefined;
  #draining: PromiseWithResolvers<void> | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get isHealthy(): boolean {
    return this.#state === "open";
  }

  /** How many wait for their batch. */
  get waitingCommands(): number {
    return this.#waiting.length;
  }

  /** Resolves with the command's reply once its commit is durable. */
  submit(task: CommandTask): Promise<unknown> {
    if (this.#state === "unavailable" || this.#draining !== undefined) {
      return Promise.reject(storeUnavailable());
    }
    if (this.#waiting.length >= this.#options.maxWaiting) {
      return Promise.reject(new FailureError(failure("OVERLOADED", { retryAfterMs: OVERLOAD_RETRY_MS })));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
      this.#scheduleFlush();
    });
  }

  /** Says that the database was found away by somebody else. */
  noteUnavailable(): void {
    this.#state = "unavailable";
    if (this.#draining !== undefined) return;
    this.#probe ??= setInterval(() => void this.#look(), PROBE_INTERVAL_MS).unref();
  }

  /** Refuses what comes from now on; resolves once everything that waited is answered. */
  async drain(): Promise<void> {
    this.#draining ??= Promise.withResolvers<void>();
    clearInterval(this.#probe);
    this.#flush();
    await this.#draining.promise;
  }

  #scheduleFlush(): void {
    if (this.#isBusy || this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isBusy) return;
    if (this.#waiting.length > 0) {
      this.#isBusy = true;
      void this.#commit(this.#waiting.splice(0, MAX_BATCH_COMMANDS)).finally(() => {
        this.#isBusy = false;
        this.#flush();
      });
    } else if (this.#alone.length === 0 && this.#runningAlone === 0 && this.#unanswered === 0)
      this.#draining?.resolve();
  }

  /** Never rejects. */
  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      this.#settle(batch, await withRetries(() => this.#run(batch.map(({ task }) => task))));
    } catch (error) {
      this.#fail(batch, error);
    }
  }

  async #run(tasks: readonly CommandTask[]): Promise<BatchResult> {
    const { database, holds, notify, meter } = this.#options;
    const beganMs = performance.now();
    const { results, effects, held } = await database.transaction(async (transaction) => {
      const unit = new UnitOfWork(transaction);
      const done = await unit.run(tasks);
      const found = unit.finish();
      if (found.positions !== undefined) notify(transaction);
      return { results: done, effects: found, held: holds.findHeld(transaction, unit.users) };
    });
    meter?.committed(tasks.length, (performance.now() - beganMs) / 1_000);
    return { ...effects, positions: await effects.positions, results, heldUsers: await held };
  }

  #settle(batch: readonly Waiting[], { results, heldUsers, ...commit }: BatchResult): void {
    this.#options.onCommit(commit);
    for (const [index, waiting] of batch.entries()) {
      const userId = userOf(waiting.task.command);
      if (userId === undefined || !heldUsers.has(userId)) settleOne(waiting, results[index]);
      else void this.#settleLater(userId, waiting, results[index]);
    }
  }

  async #settleLater(userId: string, waiting: Waiting, result: CommandResult | undefined): Promise<void> {
    this.#unanswered += 1;
    await this.#options.holds.released(userId);
    settleOne(waiting, result);
    this.#unanswered -= 1;
    this.#flush();
  }

  #fail(batch: readonly Waiting[], error: unknown): void {
    const trouble = troubleOf(error);
    const isAway = trouble === "unavailable" || trouble === "inDoubt";
    if (isAway) {
      this.#options.meter?.commitFailed(trouble === "inDoubt" ? "in_doubt" : "unavailable");
      this.noteUnavailable();
      for (const { reject } of batch) reject(refusalOf(error));
      for (const { reject } of [...this.#waiting.splice(0), ...this.#alone.splice(0)])
        reject(storeUnavailable(error));
    } else if (batch.length === 1) batch[0]?.reject(refusalOf(error));
    else {
      this.#alone.push(...batch);
      this.#runAlone();
    }
  }

  #runAlone(): void {
    while (this.#runningAlone < MAX_ALONE) {
      const next = this.#alone.shift();
      if (next === undefined) return;
      this.#runningAlone += 1;
      void this.#commit([next]).finally(() => {
        this.#runningAlone -= 1;
        this.#runAlone();
        this.#flush();
      });
    }
  }

  async #look(): Promise<void> {
    if (this.#state === "open") return;
    try {
      await this.#options.database.probe();
    } catch {
      return;
    }
    this.#state = "open";
    clearInterval(this.#probe);
    this.#probe = undefined;
  }
}

function userOf(command: Command): string | undefined {
  const { type, id } = aggregateOf(command);
  return type === "user" ? id : undefined;
}

function settleOne(waiting: Waiting, result: CommandResult | undefined): void {
  if (result === undefined) waiting.reject(new Error("the batch has fewer results than commands"));
  else if (result.kind === "done") waiting.resolve(result.value);
  else if (result.kind === "refused") waiting.reject(new FailureError(result.failure));
  else waiting.reject(result.error);
}
