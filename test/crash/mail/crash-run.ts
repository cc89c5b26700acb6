/**
 * One database, one relay, and a service that is killed again and again while callers have codes mailed; then a last
 * life that nobody disturbs, and the checker's judgement of it all.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readKeyFile } from "../../../src/store/key-file.ts";
import { Keyring } from "../../../src/store/keyring.ts";
import type { RecordedEvent } from "../../../src/store/store.ts";
import { readLog } from "../../contract/history-checker.ts";
import { Random } from "../../support/random.ts";
import { RecordingRelay, type RelayPoint, type Transaction } from "../../support/recording-relay.ts";
import { ServerProcess } from "../../support/spawned-server.ts";
import { databaseIn, isOnPostgres } from "../../support/test-database.ts";
import { openStoreIn } from "../../support/test-store.ts";
import { Ledger, ledgerProblems } from "../ledger.ts";
import { moveCounters, sideTableProblems } from "../side-tables.ts";
import type { KillPoint } from "./kill-points.ts";
import { MailCallers, userOf } from "./mail-callers.ts";
import { judgeMails, type Judgement, type Life, type MailEvidence } from "./mail-checker.ts";
import {
  answeredCommands,
  deliveryIdOf,
  handOvers,
  pendingLeftBehind,
  pendingNow,
  readRows,
  userEvents,
  type Sighting,
} from "./mail-evidence.ts";
import { thisMoment } from "./moment.ts";
import { RelayPart } from "./relay-part.ts";

const CALLERS = 6;
const USERS_EACH = 5;
/** Beyond the lease of 120 s. */
const CLOCK_JUMP_MS = 125_000;
/** Longer than anything here takes. */
const PATIENCE_MS = 30_000;
const POLL_MS = 10;
/** No mail's first seconds are like the later ones: between a second and none. */
const MAX_MOMENT_MS = 300;
/** What the service never says, however often it is killed. */
const COMPLAINT = /"level":"(?:error|fatal)"|Uncaught|Unhandled|^\w*Error\b|^ {4}at /m;

export interface CrashRunOptions {
  readonly seed: number;
  /** One life for each, in this order. */
  readonly points: readonly KillPoint[];
  /** Called after each of them. */
  readonly onProgress?: (done: number, all: number) => void;
}

export interface CrashRunResult {
  readonly evidence: MailEvidence;
  readonly judgement: Judgement;
  /** What is wrong with the record itself: histories, answers, side tables. */
  readonly recordProblems: readonly string[];
}

/** @throws Error when the service does what it should not, or does not reach a point */
export async function runCrashes(options: CrashRunOptions): Promise<CrashRunResult> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-crash-"));
  const relay = await RecordingRelay.start();
  try {
    return await new CrashRun(options, folder, relay).run();
  } finally {
    await relay.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

class CrashRun {
  readonly #options: CrashRunOptions;
  readonly #dataDir: string;
  readonly #compileCache: string;
  readonly #relay: RecordingRelay;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #callers: MailCallers;
  readonly #lives: Life[] = [];
  readonly #sightings = new Map<Transaction, Sighting>();
  /** By user. */
  readonly #newestCodes = new Map<string, string>();
  #part = new RelayPart({});
  #clockOffsetMs = 0;

  constructor(options: CrashRunOptions, folder: string, relay: RecordingRelay) {
    this.#options = options;
    this.#dataDir = join(folder, "data");
    this.#compileCache = join(folder, "compile-cache");
    this.#relay = relay;
    this.#random = new Random(options.seed);
    this.#callers = new MailCallers({
      count: CALLERS,
      usersEach: USERS_EACH,
      ledger: this.#ledger,
      random: new Random(options.seed + 1),
      newestMailedCode: (userId) => this.#newestCodes.get(userId),
    });
    relay.at = (point, transaction) => this.#atRelay(point, transaction);
  }

  async run(): Promise<CrashRunResult> {
    const { points, onProgress } = this.#options;
    await this.#warmUp();
    for (const [index, point] of points.entries()) {
      await this.#live(point);
      onProgress?.(index + 1, points.length);
    }
    await this.#liveUndisturbed();
    return await this.#judge();
  }

  #atRelay(point: RelayPoint, transaction: Transaction | undefined): Promise<void> | undefined {
    if (transaction !== undefined) this.#note(point, transaction);
    return this.#part.at(point, transaction);
  }

  #note(point: RelayPoint, transaction: Transaction): void {
    const life = this.#lives.length;
    const sighting = this.#sightings.get(transaction) ?? { transaction, life, started: thisMoment(), point };
    this.#sightings.set(transaction, sighting);
    sighting.point = point;
    if (point !== "accepted") return;
    sighting.acceptedMs = thisMoment().ms;
    this.#newestCodes.set(userOf(transaction.recipient), transaction.code);
  }

  /** A mail of this life came to this point, and no farther. */
  #isSeenAt(point: RelayPoint): boolean {
    const life = this.#lives.length;
    return [...this.#sightings.values()].some(
      (sighting) => sighting.life === life && sighting.point === point,
    );
  }

  // --- lives --------------------------------------------------------------------------------------------------------

  /** Node writes what it compiled at an orderly end: each later start takes half as long. */
  async #warmUp(): Promise<void> {
    const server = this.#start();
    try {
      await server.ready();
      await server.end("SIGTERM");
    } finally {
      await server.end("SIGKILL");
    }
  }

  async #live(point: KillPoint): Promise<void> {
    const { part, diesAt, end } = this.#plan(point);
    this.#part = part;
    const startedMs = thisMoment().ms;
    const server = this.#start(diesAt);
    const isOver = new AbortController();
    void server.exited.then(() => isOver.abort());
    const calling = this.#call(server, isOver.signal);
    // A fault of a caller is the end of all; until then its promise has nobody who waits for it.
    calling.catch(() => {});
    let stopped: Life["stopped"];
    try {
      stopped = await inTime(
        `the kill ${point.name}`,
        Promise.race([end(server, isOver), failureOf(calling)]),
      );
      await inTime("the end", server.exited);
    } catch (error) {
      throw new Error(`${point.name}, life ${this.#lives.length}: ${String(error)}\n${server.complaints}`, {
        cause: error,
      });
    } finally {
      isOver.abort();
      await server.end("SIGKILL");
      part.end();
    }
    await calling;
    await this.#relay.deserted();
    const { code, signal } = await server.exited;
    const isKilled = signal === "SIGKILL";
    if (!isKilled && code !== 0) throw new Error(`the service ended with ${code}: ${server.complaints}`);
    if (COMPLAINT.test(server.complaints)) throw new Error(`the service complained: ${server.complaints}`);
    this.#lives.push({
      point,
      isKilled,
      startedMs,
      endedMs: thisMoment().ms,
      pending: await pendingLeftBehind(this.#dataDir),
      ...(stopped !== undefined && { stopped }),
    });
  }

  #start(diesAt = ""): ServerProcess {
    // Mails of killed instances are taken over when their leases are over. A lone one, on a file, need not wait for that.
    if (isOnPostgres) this.#clockOffsetMs += CLOCK_JUMP_MS;
    const hook = (name: string) => ["--import", new URL(name, import.meta.url).href];
    return new ServerProcess({
      dataDir: this.#dataDir,
      env: {
        COUNTERSIGN_SMTP_URL: this.#relay.url,
        COUNTERSIGN_PUBLIC_URL: "https://accounts.example.org",
        COUNTERSIGN_CODE_TTL: "7d",
        COUNTERSIGN_LOG_FORMAT: "json",
        NODE_COMPILE_CACHE: this.#compileCache,
        TEST_DIES_AT: diesAt,
        TEST_CLOCK_OFFSET_MS: String(this.#clockOffsetMs),
        TEST_CLOCK_JUMP_MS: String(CLOCK_JUMP_MS),
      },
      nodeArguments: [...hook("dies-at-mail-step.ts"), ...hook("jumping-clock.ts")],
    });
  }

  /** It may be gone before it serves: mails that waited bring it to its kill at once. */
  async #call(server: ServerProcess, isOver: AbortSignal): Promise<void> {
    const url = await server.ready().catch((error: unknown) => {
      if (isOver.aborted) return undefined;
      throw error;
    });
    if (url === undefined) return;
    const token = readFileSync(join(this.#dataDir, "admin.token"), "utf8").trim();
    await this.#callers.work({ url, token, life: this.#lives.length, isOver });
  }

  #plan({ how }: KillPoint): Plan {
    const random = this.#random;
    const kill = (server: ServerProcess, isOver: AbortController) => {
      isOver.abort();
      server.signal("SIGKILL");
      return undefined;
    };
    switch (how.kind) {
      case "quiet": {
        // A connection carries many mails: later ones may never need another.
        const passing = how.point === "connect" ? 0 : random.below(6);
        const part = new RelayPart({ point: how.point, passing, isQuiet: true });
        return {
          part,
          end: async (server, isOver) => {
            await part.reached;
            await this.#untilSettled(part);
            return kill(server, isOver);
          },
        };
      }
      case "at-once": {
        const point = random.pick(how.points);
        const passing = point === "connect" ? 0 : random.below(6);
        const part = new RelayPart({ point, passing, held: point === "dot" ? 1 + random.below(3) : 1 });
        return {
          part,
          end: async (server, isOver) => {
            await part.reached;
            return kill(server, isOver);
          },
        };
      }
      case "step": {
        if (how.step === "half-body") return this.#planHalfBody();
        const part = new RelayPart({ point: random.pick(["mail", "recipient"]) });
        const diesAt = `${how.step}:${random.below(8)}`;
        return { part, diesAt, end: untilGone };
      }
      case "step-under-way":
        return { part: new RelayPart({}), diesAt: `${how.step}:${random.below(8)}`, end: untilGone };
      case "any-moment":
        return {
          part: new RelayPart({}),
          end: async (server, isOver) => {
            await server.ready();
            await sleep(random.below(MAX_MOMENT_MS));
            return kill(server, isOver);
          },
        };
      case "stopped":
        return this.#planStop(random.pick(how.points));
    }
  }

  /** The relay lets the mail into DATA that the service will never finish, once no other is under way. */
  #planHalfBody(): Plan {
    const passing = this.#random.below(6);
    const part = new RelayPart({ point: "data", passing, isQuiet: true });
    return {
      part,
      diesAt: `half-body:${passing}`,
      end: async (server) => {
        await part.reached;
        await this.#untilSettled(part);
        part.letFirstGo();
        await server.exited;
        await until(() => this.#isSeenAt("body"));
        return undefined;
      },
    };
  }

  /** While the service stands still, its lease runs out and the relay answers what it held. */
  #planStop(point: RelayPoint): Plan {
    const passing = point === "connect" ? 0 : this.#random.below(6);
    const part = new RelayPart({ point, passing });
    return {
      part,
      end: async (server, isOver) => {
        await part.reached;
        const fromMs = thisMoment().ms;
        server.signal("SIGSTOP");
        const waiting = [...(await pendingNow(this.#dataDir)).keys()];
        part.end();
        server.signal("SIGUSR2");
        this.#clockOffsetMs += CLOCK_JUMP_MS;
        server.signal("SIGCONT");
        const untilMs = thisMoment().ms;
        await until(async () => {
          const pending = await pendingNow(this.#dataDir);
          return waiting.every((deliveryId) => !pending.has(deliveryId));
        });
        isOver.abort();
        server.signal("SIGTERM");
        return { fromMs, untilMs, mails: waiting.length };
      },
    };
  }

  /** Nothing is between the final dot and the status write. */
  #untilSettled(part: RelayPart): Promise<void> {
    const life = this.#lives.length;
    return until(async () => {
      const seen = this.#sightings.size;
      if (part.underWay > 0) return false;
      const pending = await pendingNow(this.#dataDir);
      // What came to the relay while the database was read is not among what was read.
      if (part.underWay > 0 || this.#sightings.size > seen) return false;
      return [...this.#sightings.values()].every(
        (sighting) =>
          sighting.life !== life ||
          sighting.acceptedMs === undefined ||
          !pending.has(deliveryIdOf(sighting.transaction)),
      );
    });
  }

  async #liveUndisturbed(): Promise<void> {
    this.#part = new RelayPart({});
    const startedMs = thisMoment().ms;
    const server = this.#start();
    try {
      await server.ready();
      await inTime(
        "the last drain",
        until(async () => (await pendingNow(this.#dataDir)).size === 0),
      );
      const { code } = await server.end("SIGTERM");
      if (code !== 0) throw new Error(`the last life ended with ${code}: ${server.complaints}`);
    } finally {
      await server.end("SIGKILL");
    }
    await this.#relay.deserted();
    const point: KillPoint = { name: "none", how: { kind: "any-moment" }, mayRepeat: false };
    this.#lives.push({ point, isKilled: false, startedMs, endedMs: thisMoment().ms, pending: new Map() });
  }

  // --- judgement ----------------------------------------------------------------------------------------------------

  async #judge(): Promise<CrashRunResult> {
    const keyring = new Keyring((await readKeyFile(join(this.#dataDir, "secret.key"))) ?? []);
    const store = await openStoreIn(this.#dataDir);
    let log: readonly RecordedEvent[];
    let recordProblems: readonly string[];
    try {
      log = await readLog(store, 1_000);
      recordProblems = await ledgerProblems(store, this.#ledger, "perhaps executed");
      await moveCounters(store);
    } finally {
      await store.close();
    }
    const rows = await readRows(this.#dataDir);
    const evidence: MailEvidence = {
      lives: this.#lives,
      handOvers: handOvers(this.#sightings.values(), rows, log, keyring),
      commands: answeredCommands(this.#callers.answers),
      rows,
      events: userEvents(log),
    };
    return {
      evidence,
      judgement: judgeMails(evidence),
      recordProblems: [...recordProblems, ...(await sideTableProblems(databaseIn(this.#dataDir), log))],
    };
  }
}

interface Plan {
  readonly part: RelayPart;
  /** For the hook in the process. */
  readonly diesAt?: string;
  /** Brings the life to its end, whose exit follows. */
  readonly end: (server: ServerProcess, isOver: AbortController) => Promise<Life["stopped"]>;
}

async function untilGone(server: ServerProcess): Promise<undefined> {
  await server.exited;
}

async function failureOf(calling: Promise<void>): Promise<never> {
  await calling;
  return new Promise(() => {});
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(POLL_MS);
}

async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what} took longer than ${PATIENCE_MS} ms`)),
    PATIENCE_MS,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
