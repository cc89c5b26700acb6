/**
 * Several instances on one PostgreSQL, callers that turn to any of them, watchers that follow the log, and a relay that
 * writes down every mail; meanwhile instances are killed, and the database is restarted. In the end all instances stop, one
 * more starts whose clock is beyond every lease and sends what was left, and everything is held against everything.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Keyring } from "../../src/store/keyring.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { RecordedEvent } from "../../src/store/store.ts";
import { readLog } from "../contract/history-checker.ts";
import { Ledger, ledgerProblems } from "../crash/ledger.ts";
import { userOf } from "../crash/mail/mail-callers.ts";
import { judgeMails, type MailRow } from "../crash/mail/mail-checker.ts";
import {
  answeredCommands,
  handOvers,
  isEnd,
  userEvents,
  type Sighting,
} from "../crash/mail/mail-evidence.ts";
import { thisMoment } from "../crash/mail/moment.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { Random } from "../support/random.ts";
import { RecordingRelay, type RelayPoint, type Transaction } from "../support/recording-relay.ts";
import { Instance } from "./instance.ts";
import { WanderingCallers } from "./wandering-callers.ts";
import { Watcher } from "./watcher.ts";

const INSTANCES = 3;
const WATCHERS = 2;
/** Beyond the lease of 120 s. */
const CLOCK_AHEAD_MS = 125_000;
const POLL_MS = 50;
/** Longer than anything at the end takes. */
const PATIENCE_MS = 120_000;

export interface ChaosOptions {
  readonly seed: number;
  readonly callers: number;
  readonly durationMs: number;
  /** An instance is killed this often. */
  readonly killEveryMs: number;
  /** When the database is restarted, as shares of the duration; every other time without an orderly end. */
  readonly restartsAt: readonly number[];
  readonly onProgress?: (text: string) => void;
}

export interface ChaosResult {
  readonly problems: readonly string[];
  readonly kills: number;
  readonly restarts: number;
  readonly answered: number;
  readonly withoutAnswer: number;
  readonly events: number;
  readonly mails: number;
  /** The same mail again, from an instance that took over. */
  readonly duplicateMails: number;
  readonly watcherBreaks: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** @throws Error when an instance or a call does what it should not */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-chaos-"));
  const postgres = await TestPostgres.start();
  const relay = await RecordingRelay.start();
  const run = new ChaosRun(options, folder, postgres, relay);
  try {
    return await run.run();
  } finally {
    await run.stop();
    await relay.stop();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #folder: string;
  readonly #postgres: TestPostgres;
  readonly #relay: RecordingRelay;
  readonly #random: Random;
  readonly #key = randomBytes(32);
  readonly #token = randomBytes(32).toString("hex");
  readonly #ledger = new Ledger();
  readonly #sightings = new Map<Transaction, Sighting>();
  /** By user. */
  readonly #newestCodes = new Map<string, string>();
  #database = "";
  #instances: Instance[] = [];
  #kills = 0;
  #restarts = 0;

  constructor(options: ChaosOptions, folder: string, postgres: TestPostgres, relay: RecordingRelay) {
    this.#options = options;
    this.#folder = folder;
    this.#postgres = postgres;
    this.#relay = relay;
    this.#random = new Random(options.seed);
    relay.at = (point, transaction) => {
      if (transaction !== undefined) this.#note(point, transaction);
    };
  }

  async run(): Promise<ChaosResult> {
    const { seed, callers: count, durationMs, onProgress = () => {} } = this.#options;
    this.#database = await this.#postgres.createDatabase();
    this.#instances = Array.from({ length: INSTANCES }, () => this.#newInstance());
    await Promise.all(this.#instances.map((instance) => instance.start()));
    const callers = new WanderingCallers({
      instances: this.#instances,
      token: this.#token,
      ledger: this.#ledger,
      random: new Random(seed + 1),
      count,
      newestMailedCode: (userId) => this.#newestCodes.get(userId),
    });
    const watchers = Array.from(
      { length: WATCHERS },
      (_, index) => new Watcher(this.#instances, this.#token, new Random(seed + 2 + index)),
    );
    const following = watchers.map((watcher) => watcher.follow());
    const isOver = new AbortController();
    const working = callers.work(isOver.signal);
    const startedMs = thisMoment().ms;
    await Promise.race([this.#disturb(durationMs), working]);
    isOver.abort();
    await working;
    onProgress("callers are done; what was left in the outbox goes out");
    await Promise.all(this.#instances.map((instance) => instance.stop()));
    const last = this.#newInstance({ TEST_CLOCK_OFFSET_MS: String(CLOCK_AHEAD_MS) });
    this.#instances.splice(0, INSTANCES, last);
    await last.start(["--import", new URL("../support/clock-offset.ts", import.meta.url).href]);
    await inTime("the last drain", () => this.#isDrained());
    const store = await PostgresStore.open({ server: this.#postgres.at(this.#database) });
    try {
      const log = await readLog(store, 1_000);
      onProgress(`${log.length} events and ${this.#sightings.size} mails are looked through`);
      await inTime("the watchers", () =>
        Promise.resolve(watchers.every(({ positions }) => positions.at(-1) === log.at(-1)?.position)),
      );
      for (const watcher of watchers) watcher.end();
      await Promise.all(following);
      await last.stop();
      await this.#relay.deserted();
      const mails = await this.#judgeMails(log, callers, startedMs);
      const durations = callers.durationsMs.toSorted((a, b) => a - b);
      const quantile = (share: number) => durations[Math.floor(durations.length * share)] ?? Number.NaN;
      return {
        problems: [
          ...(await ledgerProblems(store, this.#ledger, "perhaps executed")),
          ...watchers.flatMap(({ positions }, index) =>
            watcherProblems(positions, log).map((text) => `watcher ${index}: ${text}`),
          ),
          ...mails.problems,
        ],
        kills: this.#kills,
        restarts: this.#restarts,
        answered: callers.counts.answered,
        withoutAnswer: callers.counts.withoutAnswer,
        events: log.length,
        mails: mails.taken,
        duplicateMails: mails.duplicates,
        watcherBreaks: watchers.reduce((sum, { breaks }) => sum + breaks, 0),
        p50Ms: quantile(0.5),
        p99Ms: quantile(0.99),
      };
    } finally {
      await store.close();
    }
  }

  /** Leaves nothing running. */
  async stop(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.kill()));
  }

  #newInstance(env: Readonly<Record<string, string>> = {}): Instance {
    return new Instance(this.#folder, {
      COUNTERSIGN_DATABASE_URL: this.#postgres.url(this.#database),
      COUNTERSIGN_SECRET_KEY: this.#key.toString("base64"),
      COUNTERSIGN_ADMIN_TOKEN: this.#token,
      COUNTERSIGN_SMTP_URL: this.#relay.url,
      COUNTERSIGN_PUBLIC_URL: "https://accounts.example.org",
      COUNTERSIGN_CODE_TTL: "7d",
      NODE_COMPILE_CACHE: join(this.#folder, "compile-cache"),
      ...env,
    });
  }

  /** Kills and restarts until the time is over. */
  async #disturb(durationMs: number): Promise<void> {
    const { killEveryMs, restartsAt, onProgress } = this.#options;
    const beganMs = performance.now();
    const elapsedMs = () => performance.now() - beganMs;
    const starting: Promise<void>[] = [];
    const restartsMs = restartsAt.map((share) => share * durationMs);
    for (let nextKillMs = killEveryMs; elapsedMs() < durationMs;) {
      await sleep(POLL_MS);
      if (elapsedMs() >= (restartsMs[0] ?? Infinity)) {
        restartsMs.shift();
        await this.#postgres.halt(this.#restarts++ % 2 === 0 ? "fast" : "immediate");
        await this.#postgres.resume();
        onProgress?.(`${Math.round(elapsedMs() / 1_000)} s: the database was restarted`);
      }
      if (elapsedMs() >= nextKillMs) {
        nextKillMs += killEveryMs;
        const instance = this.#random.pick(this.#instances.filter(({ url }) => url !== undefined));
        await instance.kill();
        this.#kills += 1;
        starting.push(instance.start());
        onProgress?.(`${Math.round(elapsedMs() / 1_000)} s: an instance was killed`);
      }
    }
    await Promise.all(starting);
  }

  async #isDrained(): Promise<boolean> {
    const [row] = await this.#postgres.query<{ waiting: string }>(
      "SELECT count(*) AS waiting FROM outbox WHERE due_at_ms IS NOT NULL",
      this.#database,
    );
    return row?.waiting === "0";
  }

  #note(point: RelayPoint, transaction: Transaction): void {
    const sighting = this.#sightings.get(transaction) ?? {
      transaction,
      life: 0,
      started: thisMoment(),
      point,
    };
    this.#sightings.set(transaction, sighting);
    sighting.point = point;
    if (point !== "accepted") return;
    sighting.acceptedMs = thisMoment().ms;
    this.#newestCodes.set(userOf(transaction.recipient), transaction.code);
  }

  async #judgeMails(log: readonly RecordedEvent[], callers: WanderingCallers, startedMs: number) {
    const rows = await this.#readRows();
    const keyring = new Keyring([this.#key]);
    // For the checker all instances are one life, in which anything may have been killed in mid-mail.
    const untilMs = thisMoment().ms;
    const life = {
      point: { name: "chaos", how: { kind: "any-moment" }, mayRepeat: true },
      isKilled: true,
      startedMs,
      endedMs: untilMs,
      pending: new Map(rows.map(({ deliveryId }) => [deliveryId, "sending"])),
      stopped: { fromMs: startedMs, untilMs, mails: 0 },
    } as const;
    const judgement = judgeMails({
      lives: [life],
      handOvers: handOvers(this.#sightings.values(), rows, log, keyring),
      commands: answeredCommands(
        new Map(
          [...callers.answers].flatMap(([note, moment]) =>
            // A look at a user ends no code.
            note.name === "read" ? [] : [[note, { ...moment, life: 0 }] as const],
          ),
        ),
      ),
      rows,
      events: userEvents(log),
    });
    return {
      problems: judgement.findings.map(({ kind, text }) => `${kind}: ${text}`),
      taken: [...this.#sightings.values()].filter(({ acceptedMs }) => acceptedMs !== undefined).length,
      duplicates: judgement.duplicates.length,
    };
  }

  async #readRows(): Promise<MailRow[]> {
    const rows = await this.#postgres.query<Omit<MailRow, "ends"> & { id: string }>(
      `SELECT id, delivery_id AS "deliveryId", code_id AS "codeId", user_id AS "userId", recipient, state,
         sealed_code IS NOT NULL AS "isSealed" FROM outbox`,
      this.#database,
    );
    const entries = await this.#postgres.query<{ row: string; event: string }>(
      "SELECT outbox_id AS row, event FROM delivery_log",
      this.#database,
    );
    const ends = Map.groupBy(
      entries.filter(({ event }) => isEnd(JSON.parse(event) as Parameters<typeof isEnd>[0])),
      ({ row }) => row,
    );
    return rows.map(({ id, ...row }) => ({ ...row, ends: ends.get(id)?.length ?? 0 }));
  }
}

/** Every event once, and in the order of the log. */
function watcherProblems(positions: readonly number[], log: readonly RecordedEvent[]): string[] {
  const wrong = log.findIndex(({ position }, index) => positions[index] !== position);
  if (wrong !== -1)
    return [
      `saw ${positions[wrong]} as event ${wrong}, which is ${log[wrong]?.position} (${positions.length} of ${log.length} seen)`,
    ];
  return positions.length === log.length ? [] : [`saw ${positions.length} events, there are ${log.length}`];
}

async function inTime(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`${what} took longer than ${PATIENCE_MS} ms`);
    await sleep(POLL_MS);
  }
}
