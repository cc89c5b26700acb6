/**
 * Connections, reads and transactions.
 *
 * A transaction is three trips at least: BEGIN with its first reads, what follows from those, and the writes with COMMIT.
 * Writes are deferred: they are sent with the COMMIT that ends the transaction, all in one go, and PostgreSQL executes
 * nothing more of them once one has failed.
 *
 * How long things may take is set for each transaction (set_config with is_local): a pooler in transaction mode passes
 * that on, while it loses what is set for a session. `synchronous_commit` stays as the operator has it, unless that is
 * `off`, under which an answered commit can be lost: then every transaction turns it on for itself.
 *
 * The end of a transaction has three outcomes. The server said COMMIT: it holds. The server said anything else: it was
 * rolled back. The server said nothing, because the connection went away: InDoubtError. A warning beside the COMMIT is
 * taken as doubt too: with it the server says that it gave up waiting for its standby. For the same reason the time-out of
 * statements is lifted before COMMIT; the wait for an answer ends on this side.
 */
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool, types, type ClientConfig, type CustomTypesConfig, type PoolClient } from "pg";
import { ConnectionLostError, InDoubtError, PoolBusyError } from "./errors.ts";
import { DEFAULTS, type PostgresServer, type PostgresStoreOptions } from "./options.ts";
import { Session, type Answer, type Statement, type Value } from "./session.ts";

/** Beyond the server's own time-outs, for what the server does not answer at all. */
const ANSWER_GRACE_MS = 500;
/** The server ends a transaction whose client went silent, and frees its rows. */
const IDLE_IN_TRANSACTION_MS = 5_000;
/** Connections on which users are held. */
const MAX_HOLDINGS = 2;
const IDLE_CONNECTION_MS = 60_000;
const KEEP_ALIVE_AFTER_MS = 5_000;

const CLOSE_GRACE_MS = 1_000;

const INT8 = 20;

/** By which a server's list of connections tells those of running instances. */
export const APPLICATION_NAME = "countersign";

const BEGIN: Statement = { name: "begin", text: "BEGIN ISOLATION LEVEL READ COMMITTED" };
const BEGIN_READING: Statement = {
  name: "begin_reading",
  text: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
};
const COMMIT: Statement = { name: "commit", text: "COMMIT" };
const LIMITS: Statement = {
  name: "limits",
  text: `SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
    set_config('idle_in_transaction_session_timeout', $3, true)`,
};
const DURABLE: Statement = {
  name: "durable",
  text: "SELECT set_config('synchronous_commit', 'on', true)",
};
const UNLIMITED: Statement = {
  name: "unlimited",
  text: "SELECT set_config('statement_timeout', '0', true)",
};

/** A transaction that is open. */
export interface Transaction {
  /** Asks now. */
  query<Row>(
    statement: Statement | string,
    values?: readonly Value[],
    answerTimeoutMs?: number,
  ): Promise<Answer<Row>>;
  /** Asks with the COMMIT. The answer is there when the transaction is over. */
  defer<Row>(statement: Statement, values?: readonly Value[]): Promise<Answer<Row>>;
  /**
   * Asks right after the COMMIT, in the same trip and outside the transaction: what it reads was committed before. It
   * fails alone.
   */
  afterCommit<Row>(statement: Statement, values?: readonly Value[]): Promise<Answer<Row>>;
}

/** A transaction that reads, and keeps its locks while something is done elsewhere. */
export interface Holding extends Pick<Transaction, "query"> {
  /** Calls the listener when the connection is lost, and the locks with it. */
  onLost(listener: () => void): void;
}

interface Deferred {
  readonly statement: Statement;
  readonly values: readonly Value[];
  readonly answer: PromiseWithResolvers<Answer<never>>;
}

export class Database {
  readonly #writers: Pool;
  readonly #readers: Pool;
  readonly #holders: Pool;
  /** All that are open, so that none can hold up the end. */
  readonly #sockets = new Set<Socket>();
  readonly #server: PostgresServer;
  readonly #prepares: boolean;
  readonly #applicationName: string;
  readonly #statementTimeoutMs: number;
  readonly #lockTimeoutMs: number;
  readonly #connectTimeoutMs: number;
  /** How many lists may run at a time and leave connections to point reads. */
  readonly maxLists: number;
  /** How many transactions `holdOpen` has room for. */
  readonly maxHoldings = MAX_HOLDINGS;
  #closing: Promise<unknown> | undefined;
  #forcesDurability = false;

  constructor(options: PostgresStoreOptions) {
    this.#server = options.server;
    this.#prepares = (options.pooler ?? DEFAULTS.pooler) === "none";
    this.#applicationName =
      (options.use ?? "serve") === "serve" ? APPLICATION_NAME : `${APPLICATION_NAME} keys`;
    this.#statementTimeoutMs = options.statementTimeoutMs ?? DEFAULTS.statementTimeoutMs;
    this.#lockTimeoutMs = options.lockTimeoutMs ?? DEFAULTS.lockTimeoutMs;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? DEFAULTS.connectTimeoutMs;
    const { writers, readers } = shareOut(options.poolSize ?? DEFAULTS.poolSize);
    this.#writers = this.#createPool(writers);
    this.#readers = this.#createPool(readers);
    this.#holders = this.#createPool(MAX_HOLDINGS);
    this.maxLists = Math.max(1, Math.floor(readers / 2));
  }

  /** Looks what this server promises of itself. @throws Error when it cannot be reached */
  async open(): Promise<void> {
    const { rows } = await this.read<{ synchronous_commit: string }>("SHOW synchronous_commit");
    this.#forcesDurability = rows[0]?.synchronous_commit === "off";
  }

  /** For a connection of its own, outside the pool. */
  connectionSettings(): ClientConfig & { readonly pipeline: boolean } {
    const { host, port, database, user, password, tls } = this.#server;
    return {
      host,
      port,
      database,
      user,
      ...(password !== undefined && { password }),
      ssl: tls ?? false,
      application_name: this.#applicationName,
      connectionTimeoutMillis: this.#connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      types: { getTypeParser },
      stream: () => this.#createSocket(),
      pipeline: true,
    };
  }

  /** One statement outside a transaction. A connection that turns out to be broken is replaced once. */
  async read<Row>(statement: Statement | string, values: readonly Value[] = []): Promise<Answer<Row>> {
    const beganMs = performance.now();
    try {
      return await this.#with(this.#readers, (session) => session.query<Row>(statement, values));
    } catch (error) {
      const wasStale =
        error instanceof ConnectionLostError && performance.now() - beganMs < this.#connectTimeoutMs / 4;
      if (!wasStale) throw error;
      return await this.#with(this.#readers, (session) => session.query<Row>(statement, values));
    }
  }

  /** Several reads that see one moment. Each, and all together, get so many milliseconds. */
  async readTogether<Result>(
    timeoutMs: number,
    work: (transaction: Pick<Transaction, "query">) => Promise<Result>,
  ): Promise<Result> {
    return await this.#with(this.#readers, async (session) => {
      const answerTimeoutMs = timeoutMs + ANSWER_GRACE_MS;
      const opening = Promise.all([session.query(BEGIN_READING), this.#limit(session, timeoutMs)]);
      const query: Transaction["query"] = (statement, values) =>
        session.query(statement, values, answerTimeoutMs);
      return await thenRollBack(session, opening, work({ query }));
    });
  }

  /**
   * Each of its reads sees what was committed before that read. Its locks are kept until the work is over, on connections
   * of their own; then it is rolled back.
   *
   * @param silenceMs the server ends it when nothing was asked for so many milliseconds
   */
  async holdOpen<Result>(silenceMs: number, work: (holding: Holding) => Promise<Result>): Promise<Result> {
    return await this.#with(this.#holders, async (session) => {
      const opening = Promise.all([
        session.query(BEGIN),
        this.#limit(session, this.#statementTimeoutMs, silenceMs),
      ]);
      const holding: Holding = {
        query: (statement, values) => session.query(statement, values),
        onLost: (listener) => session.onLost(listener),
      };
      return await thenRollBack(session, opening, work(holding));
    });
  }

  /**
   * Runs the work, sends what it deferred, commits.
   *
   * @throws InDoubtError; what the work throws, after a rollback; an error of the database, see `troubleOf`
   */
  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    return await this.#with(this.#writers, async (session) => {
      const opening = Promise.all([
        session.query(BEGIN),
        this.#limit(session, this.#statementTimeoutMs),
        ...(this.#forcesDurability ? [session.query(DURABLE)] : []),
      ]);
      const deferred: Deferred[] = [];
      const following: Deferred[] = [];
      let result: Result;
      try {
        [result] = await Promise.all([
          work({
            query: (statement, values, timeoutMs) => session.query(statement, values, timeoutMs),
            defer: (statement, values = []) => defer(deferred, statement, values),
            afterCommit: (statement, values = []) => defer(following, statement, values),
          }),
          opening,
        ]);
      } catch (error) {
        // The work's error may only be that the transaction never began.
        const cause = await opening.then(
          () => error,
          (first: unknown) => first,
        );
        for (const { answer } of [...deferred, ...following]) answer.reject(cause);
        await rollBack(session);
        throw cause;
      }
      await commit(session, deferred, following);
      return result;
    });
  }

  /** Whether a transaction can be committed. @throws Error when not */
  async probe(): Promise<void> {
    // A standby refuses to give out a transaction id.
    await this.transaction((transaction) => transaction.query("SELECT txid_current()"));
  }

  /** Says goodbye to the server, but waits for no answer beyond a short while. */
  async close(): Promise<void> {
    this.#closing ??= Promise.all([this.#writers, this.#readers, this.#holders].map((pool) => pool.end()));
    const grace = new AbortController();
    await Promise.race([this.#closing, sleep(CLOSE_GRACE_MS, undefined, grace)]);
    grace.abort();
    for (const socket of this.#sockets) socket.destroy();
  }

  #limit(session: Session, statementMs: number, silenceMs = IDLE_IN_TRANSACTION_MS): Promise<unknown> {
    const limits = [Math.max(1, Math.ceil(statementMs)), this.#lockTimeoutMs, silenceMs];
    return session.query(LIMITS, limits.map(String));
  }

  #createSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.once("close", () => this.#sockets.delete(socket));
  }

  #createPool(max: number): Pool {
    const pool = new Pool({
      ...this.connectionSettings(),
      max,
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      allowExitOnIdle: true,
    });
    // A connection that breaks while nobody uses it is replaced by the next that is asked for.
    pool.on("error", () => {});
    return pool;
  }

  async #connect(pool: Pool): Promise<PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      const { message } = error as Error;
      // pg has no other mark for it.
      if (message === "timeout exceeded when trying to connect") {
        throw new PoolBusyError("all connections to the database are in use", { cause: error });
      }
      throw new ConnectionLostError(`the database cannot be reached: ${message}`, { cause: error });
    }
  }

  async #with<Result>(pool: Pool, work: (session: Session) => Promise<Result>): Promise<Result> {
    const client = await this.#connect(pool);
    const session = new Session({
      client,
      prepares: this.#prepares,
      answerTimeoutMs: this.#statementTimeoutMs + ANSWER_GRACE_MS,
    });
    const onError = () => session.noteLost();
    const onNotice = (notice: { severity?: string | undefined; message?: string | undefined }) => {
      if (notice.severity === "WARNING") session.noteWarning(new Error(notice.message ?? "warning"));
    };
    client.on("error", onError);
    client.on("notice", onNotice);
    try {
      return await work(session);
    } finally {
      client.off("error", onError);
      client.off("notice", onNotice);
      client.release(session.isLost);
    }
  }
}

function defer<Row>(
  deferred: Deferred[],
  statement: Statement,
  values: readonly Value[],
): Promise<Answer<Row>> {
  const answer = Promise.withResolvers<Answer<never>>();
  // Who defers may not look at the answer; the commit looks at all of them.
  answer.promise.catch(() => {});
  deferred.push({ statement, values, answer });
  return answer.promise;
}

async function commit(
  session: Session,
  deferred: readonly Deferred[],
  following: readonly Deferred[],
): Promise<void> {
  const writes = deferred.map((each) => ask(session, each));
  const ending = [session.query(UNLIMITED), session.query(COMMIT)];
  const after = following.map((each) => ask(session, each));
  const answers = await Promise.allSettled([...writes, ...ending]);
  settle(deferred, answers);
  settle(following, await Promise.allSettled(after));
  const refused = answers.find(
    (settled) => settled.status === "rejected" && !(settled.reason instanceof ConnectionLostError),
  );
  // Once the server has refused one statement, the COMMIT behind it can only roll back.
  if (refused?.status === "rejected") throw refused.reason;
  const lost = answers.find((settled) => settled.status === "rejected");
  if (lost?.status === "rejected") {
    throw new InDoubtError("the connection to the database was lost under a COMMIT", { cause: lost.reason });
  }
  const last = answers.at(-1);
  const command = last?.status === "fulfilled" ? last.value.command : "";
  if (command !== "COMMIT") throw new Error(`the database answered COMMIT with ${command}`);
  if (session.warning !== undefined) {
    throw new InDoubtError("the database warned about a COMMIT", { cause: session.warning });
  }
}

/** Reads never wait for writes, nor writes for reads. */
function shareOut(connections: number): { readonly writers: number; readonly readers: number } {
  const writers = Math.max(2, Math.floor(connections * 0.4));
  return { writers, readers: Math.max(2, connections - writers) };
}

function ask(session: Session, { statement, values }: Deferred): Promise<Answer<never>> {
  return session.query<never>(statement, values);
}

function settle(asked: readonly Deferred[], answers: readonly PromiseSettledResult<unknown>[]): void {
  asked.forEach(({ answer }, index) => {
    const settled = answers[index];
    if (settled?.status === "fulfilled") answer.resolve(settled.value as Answer<never>);
    else answer.reject(settled?.reason as Error);
  });
}

/** For transactions that have nothing to commit. */
async function thenRollBack<Result>(
  session: Session,
  opening: Promise<unknown>,
  work: Promise<Result>,
): Promise<Result> {
  try {
    const [result] = await Promise.all([work, opening]);
    return result;
  } finally {
    await opening.catch(() => {});
    await rollBack(session);
  }
}

/** A connection on which that fails is not used again. */
async function rollBack(session: Session): Promise<void> {
  if (session.isLost) return;
  try {
    await session.query("ROLLBACK");
  } catch {
    session.noteLost();
  }
}

/** Positions and times fit into numbers; pg hands out 64-bit integers as text. */
const getTypeParser: CustomTypesConfig["getTypeParser"] = (oid, format) =>
  (oid as number) === INT8 ? Number : (types.getTypeParser(oid, format) as (text: string) => unknown);
