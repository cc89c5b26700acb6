/**
 * Holds what a relay got against what callers were told and what the database says in the end.
 *
 * The service lived several times, on one database, and nearly every life was ended by SIGKILL. The last one was left
 * alone until nothing waited any more. Then:
 *
 * lost          Nothing is. A code whose command was answered is in the record, with its mail; and every code that is
 *               its user's newest at the end, neither used nor superseded, was taken by the relay. (No code expires
 *               within a run.) A mail is not said to be sent when the relay has not taken it.
 *
 * stale         Nothing is. A MAIL FROM for a code comes before the answer to the command that superseded or spent it:
 *               any later command that the user's record accepted. Both are read by one process, so what comes within
 *               one turn of its event loop has no order; and the thread that writes MAIL FROM may be held up by the
 *               system between its last look and the write, so TOLERATED_MS are allowed, and such mails are counted.
 *               A transaction that was cut before its final dot is not put down to a code: it is stale when all codes
 *               that its recipient ever got were dead.
 *
 * duplicate     The relay got the whole of a mail twice, up to the final dot. It may, under one Message-ID and with
 *               equal bytes, where the first life was killed between the dot and the status write: the database that it
 *               left behind says that the row was being sent, and the relay had said 250 only just before, or not at
 *               all; or where the life was stopped past the lease. Any other duplicate is a fault.
 *
 * disagreement  Rows, events and mails tell one story: every row has come to exactly one end and forgotten its code; it
 *               is sent exactly when its user's record says so, once; a mail carries its row's recipient and code, and
 *               belongs to a row; a mail that was taken is recorded, unless its process was killed before it could.
 */
import type { KillPoint } from "./kill-points.ts";
import type { Moment } from "./moment.ts";

export interface Life {
  readonly point: KillPoint;
  readonly isKilled: boolean;
  /** Milliseconds since the Unix epoch, as all times here. */
  readonly startedMs: number;
  readonly endedMs: number;
  /** The rows that had not come to their end when it ended, by id of the delivery: their states. */
  readonly pending: ReadonlyMap<string, string>;
  /** When it was stopped past the lease, when it went on, and how many mails had not come to their end then. */
  readonly stopped?: { readonly fromMs: number; readonly untilMs: number; readonly mails: number };
}

/** A transaction that the relay saw. */
export interface HandOver {
  /** Index of the life that it came from. */
  readonly life: number;
  /** When MAIL FROM was read. */
  readonly started: Moment;
  /** "" when the transaction was cut before RCPT TO. */
  readonly recipient: string;
  /** Undefined when it was cut before the final dot. */
  readonly deliveryId?: string;
  readonly message: string;
  /** The code in it is the one of which its row's event holds the MAC. */
  readonly hasItsCode: boolean;
  /** When 250 was written. */
  readonly acceptedMs?: number;
}

/** A command that was accepted, and whose caller was told so. */
export interface AnsweredCommand {
  readonly name: string;
  readonly userId: string;
  readonly life: number;
  /** `details.sequence` of the answer. */
  readonly sequence: number;
  readonly answered: Moment;
}

/** A row of the outbox at the end. */
export interface MailRow {
  readonly deliveryId: string;
  readonly codeId: string;
  readonly userId: string;
  readonly recipient: string;
  readonly state: string;
  readonly isSealed: boolean;
  /** How often its timeline says that it ended. */
  readonly ends: number;
}

/** An event of a user. */
export interface UserEvent {
  readonly userId: string;
  readonly sequence: number;
  readonly type: string;
  readonly codeId?: string;
}

export interface MailEvidence {
  readonly lives: readonly Life[];
  readonly handOvers: readonly HandOver[];
  readonly commands: readonly AnsweredCommand[];
  readonly rows: readonly MailRow[];
  readonly events: readonly UserEvent[];
}

export type FindingKind = "lost" | "stale" | "duplicate" | "disagreement";

export interface Finding {
  readonly kind: FindingKind;
  /** Of the life that it is put down to. */
  readonly life: number;
  readonly text: string;
}

export interface Judgement {
  readonly findings: readonly Finding[];
  /** Duplicates as they may be, by the life that sent the mail first. */
  readonly duplicates: readonly { readonly life: number; readonly deliveryId: string }[];
  /** Mails whose MAIL FROM was read after the answer that superseded them, within the tolerance. */
  readonly tolerated: number;
}

/** Measured from the read of an answer's head to the read of MAIL FROM. */
export const TOLERATED_MS = 20;
/** From 250 to the status write: two hops between threads and a commit, on a machine that is busy with other things. */
export const STATUS_WRITE_MS = 1_000;

const CODE_ADDED = "user.human.email.code.added";
const CODE_SENT = "user.human.email.code.sent";
const VERIFIED = "user.human.email.verified";
const CHANGED = "user.human.email.changed";
/** Commands that have a code mailed. */
const MAILS: readonly string[] = ["create", "mailCode", "setEmail"];

export function judgeMails(evidence: MailEvidence): Judgement {
  const book = new Book(evidence);
  const stale = staleMails(evidence, book);
  const repeated = duplicates(evidence);
  return {
    findings: [
      ...lostMails(evidence, book),
      ...stale.findings,
      ...repeated.findings,
      ...disagreements(evidence, book),
    ],
    duplicates: repeated.allowed,
    tolerated: stale.tolerated,
  };
}

/** The evidence, looked up. */
class Book {
  readonly rowById: ReadonlyMap<string, MailRow>;
  readonly rowByCode: ReadonlyMap<string, MailRow>;
  readonly eventsByUser: ReadonlyMap<string, readonly UserEvent[]>;
  readonly handOversById: ReadonlyMap<string, readonly HandOver[]>;
  /** `code.sent` events by code. */
  readonly sentByCode: ReadonlyMap<string, readonly UserEvent[]>;
  readonly #codeEvents: ReadonlyMap<string, UserEvent>;
  readonly #commandsByUser: ReadonlyMap<string, readonly AnsweredCommand[]>;

  constructor({ rows, events, handOvers, commands }: MailEvidence) {
    this.rowById = new Map(rows.map((row) => [row.deliveryId, row]));
    this.rowByCode = new Map(rows.map((row) => [row.codeId, row]));
    this.eventsByUser = Map.groupBy(events, ({ userId }) => userId);
    this.handOversById = Map.groupBy(
      handOvers.filter(({ deliveryId }) => deliveryId !== undefined),
      ({ deliveryId = "" }) => deliveryId,
    );
    this.sentByCode = Map.groupBy(
      events.filter(({ type }) => type === CODE_SENT),
      ({ codeId = "" }) => codeId,
    );
    this.#codeEvents = new Map(
      events.filter(({ type }) => type === CODE_ADDED).map((event) => [event.codeId ?? "", event]),
    );
    this.#commandsByUser = Map.groupBy(commands, ({ userId }) => userId);
  }

  /** The first answer from which on the code of this row is known to be superseded or spent. */
  deadFrom(row: MailRow): Moment | undefined {
    const added = this.#codeEvents.get(row.codeId);
    if (added === undefined) return undefined;
    const after = (this.#commandsByUser.get(row.userId) ?? []).filter(
      ({ sequence }) => sequence > added.sequence,
    );
    return after.map(({ answered }) => answered).toSorted((one, other) => one.ms - other.ms)[0];
  }
}

// --- lost -----------------------------------------------------------------------------------------------------------

function lostMails({ lives, commands }: MailEvidence, book: Book): Finding[] {
  const unrecorded = commands.flatMap(({ name, userId, sequence, life }): Finding[] => {
    if (!MAILS.includes(name)) return [];
    const event = book.eventsByUser.get(userId)?.find((each) => each.sequence === sequence);
    if (event?.type === CODE_ADDED && book.rowByCode.has(event.codeId ?? "")) return [];
    const text = `${name} on ${userId} answered sequence ${sequence}: no code is recorded there, or it has no mail`;
    return [{ kind: "lost", life, text }];
  });
  const untaken = [...book.eventsByUser].flatMap(([userId, events]): Finding[] => {
    const newest = newestCode(events);
    const row = newest && book.rowByCode.get(newest.codeId ?? "");
    if (newest === undefined || row === undefined || isTaken(row, book)) return [];
    const text = `code ${newest.codeId} of ${userId} is the newest, and its mail (${row.state}) never reached the relay`;
    return [{ kind: "lost", life: lastLifeOf(row.deliveryId, lives), text }];
  });
  const unsent = [...book.rowById.values()].flatMap((row): Finding[] => {
    if (row.state !== "sent" || isTaken(row, book)) return [];
    const text = `mail ${row.deliveryId} is called sent, and the relay has not taken it`;
    return [{ kind: "lost", life: lastLifeOf(row.deliveryId, lives), text }];
  });
  return [...unrecorded, ...untaken, ...unsent];
}

/** Undefined when it was spent, or its address replaced. */
function newestCode(events: readonly UserEvent[]): UserEvent | undefined {
  const last = events.findLast(({ type }) => [CODE_ADDED, VERIFIED, CHANGED].includes(type));
  return last?.type === CODE_ADDED ? last : undefined;
}

function isTaken(row: MailRow, book: Book): boolean {
  return (book.handOversById.get(row.deliveryId) ?? []).some(({ acceptedMs }) => acceptedMs !== undefined);
}

/** The last life that left the mail pending, or else the first. */
function lastLifeOf(deliveryId: string, lives: readonly Life[]): number {
  return Math.max(
    0,
    lives.findLastIndex(({ pending }) => pending.has(deliveryId)),
  );
}

// --- stale ----------------------------------------------------------------------------------------------------------

function staleMails(
  { handOvers, rows }: MailEvidence,
  book: Book,
): { readonly findings: readonly Finding[]; readonly tolerated: number } {
  const rowsByRecipient = Map.groupBy(rows, ({ recipient }) => recipient);
  const findings: Finding[] = [];
  let tolerated = 0;
  for (const { deliveryId, recipient, started, life } of handOvers) {
    const row = deliveryId === undefined ? undefined : book.rowById.get(deliveryId);
    const candidates = row === undefined ? (rowsByRecipient.get(recipient) ?? []) : [row];
    const deaths = candidates.map((each) => book.deadFrom(each));
    const lastDeath = deaths.reduce(later, { ms: -Infinity, turn: -Infinity });
    // An unknown one lives for ever; so does a mail of which nothing is known.
    if (candidates.length === 0 || lastDeath === undefined || started.turn <= lastDeath.turn) continue;
    const lateMs = started.ms - lastDeath.ms;
    if (lateMs <= 0) continue;
    if (lateMs <= TOLERATED_MS) tolerated += 1;
    else {
      const text = `MAIL FROM for ${deliveryId ?? recipient} ${lateMs.toFixed(1)} ms after its code was known to be dead`;
      findings.push({ kind: "stale", life, text });
    }
  }
  return { findings, tolerated };
}

/** Undefined stands for never. */
function later(one: Moment | undefined, other: Moment | undefined): Moment | undefined {
  if (one === undefined || other === undefined) return undefined;
  return one.ms > other.ms ? one : other;
}

// --- duplicates -----------------------------------------------------------------------------------------------------

function duplicates({ lives, handOvers }: MailEvidence): {
  readonly findings: readonly Finding[];
  readonly allowed: Judgement["duplicates"];
} {
  const findings: Finding[] = [];
  const allowed: { life: number; deliveryId: string }[] = [];
  const whole = handOvers.filter(({ deliveryId }) => deliveryId !== undefined);
  for (const [deliveryId, same] of Map.groupBy(whole, (each) => each.deliveryId ?? "")) {
    const inOrder = same.toSorted((one, other) => one.started.ms - other.started.ms);
    for (const [index, second] of inOrder.slice(1).entries()) {
      const first = inOrder[index];
      if (first === undefined) continue;
      const problem = duplicateProblem(first, second, lives);
      if (problem === undefined) allowed.push({ life: first.life, deliveryId });
      else
        findings.push({
          kind: "duplicate",
          life: first.life,
          text: `mail ${deliveryId} came twice: ${problem}`,
        });
    }
  }
  return { findings, allowed };
}

function duplicateProblem(first: HandOver, second: HandOver, lives: readonly Life[]): string | undefined {
  const life = lives[first.life];
  if (life === undefined) return `life ${first.life} is not known`;
  if (first.message !== second.message || first.recipient !== second.recipient) return "the two differ";
  const { stopped } = life;
  if (first.life === second.life) {
    const isAcross =
      stopped !== undefined && first.started.ms <= stopped.untilMs && second.started.ms >= stopped.fromMs;
    return isAcross ? undefined : "both from one life that was not stopped between them";
  }
  if (!life.isKilled) return "the first life ended in good order";
  if (!life.point.mayRepeat) return `the first life was killed ${life.point.name}`;
  const state = life.pending.get(first.deliveryId ?? "") ?? "ended";
  if (state !== "sending") return `its row was not being sent when the first life was killed, but ${state}`;
  const acceptedFor = first.acceptedMs === undefined ? 0 : life.endedMs - first.acceptedMs;
  if (acceptedFor > STATUS_WRITE_MS)
    return `250 was ${Math.round(acceptedFor)} ms old when the first life was killed`;
  return undefined;
}

// --- rows, events and mails -----------------------------------------------------------------------------------------

function disagreements(evidence: MailEvidence, book: Book): Finding[] {
  const last = evidence.lives.length - 1;
  const finding = (life: number, text: string): Finding => ({ kind: "disagreement", life, text });
  return [
    ...evidence.rows.flatMap((row) =>
      rowProblems(row, book).map((text) => finding(last, `mail ${row.deliveryId}: ${text}`)),
    ),
    ...evidence.handOvers.flatMap((handOver) =>
      handOverProblems(handOver, evidence.lives, book).map((text) =>
        finding(handOver.life, `the mail to ${handOver.recipient}: ${text}`),
      ),
    ),
  ];
}

function rowProblems({ state, isSealed, ends, codeId, userId }: MailRow, book: Book): string[] {
  const problems: string[] = [];
  // Nothing else can happen here: this relay refuses nothing, and no code expires.
  if (state !== "sent" && state !== "cancelled") problems.push(`ended as ${state}`);
  if (ends !== 1) problems.push(`its timeline has ${ends} ends`);
  if (isSealed) problems.push("its code was not erased");
  const told = book.sentByCode.get(codeId) ?? [];
  const should = state === "sent" ? 1 : 0;
  if (told.length !== should || told.some((event) => event.userId !== userId)) {
    problems.push(`${state}, and its user's record says ${told.length} times that it was sent`);
  }
  return problems;
}

function handOverProblems(handOver: HandOver, lives: readonly Life[], book: Book): string[] {
  const { deliveryId, recipient, hasItsCode, acceptedMs } = handOver;
  if (deliveryId === undefined) return [];
  const row = book.rowById.get(deliveryId);
  if (row === undefined) return [`its Message-ID ${deliveryId} belongs to no row`];
  const problems: string[] = [];
  if (row.recipient !== recipient) problems.push(`its row is for ${row.recipient}`);
  if (!hasItsCode) problems.push("its code is not that of its row");
  const life = lives[handOver.life];
  const mayBeForgotten = life?.isKilled === true && life.pending.has(deliveryId);
  if (acceptedMs !== undefined && row.state !== "sent" && !mayBeForgotten) {
    problems.push(`the relay took it, and its row is ${row.state}`);
  }
  return problems;
}
