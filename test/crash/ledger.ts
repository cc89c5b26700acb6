/**
 * What callers were told, held against what a database says afterwards.
 *
 * Every call is noted when it starts, and again when its answer is there. A call without an answer may have been executed
 * or not, but as a whole and once; an answered one must be in the record just as its answer said.
 */
import type { RecordedEvent, Store } from "../../src/store/store.ts";
import { byAggregate, historyProblems, readLog } from "../contract/history-checker.ts";

const ADDED = "user.human.added";
const CHANGED = "user.human.email.changed";
const CODE_ADDED = "user.human.email.code.added";
const CODE_SENT = "user.human.email.code.sent";
const VERIFIED = "user.human.email.verified";
const FAILED = "user.human.email.verification.failed";

export type CallName = "create" | "sendCode" | "mailCode" | "setEmail" | "verify" | "read";

/** What a call appends when it is accepted, oldest first. */
const APPENDS: Readonly<Record<CallName, readonly string[]>> = {
  create: [ADDED, CODE_ADDED],
  sendCode: [CODE_ADDED],
  mailCode: [CODE_ADDED],
  setEmail: [CHANGED, CODE_ADDED],
  verify: [VERIFIED],
  read: [],
};

/** Refusals that leave an event. */
const FAILED_TRIES: readonly string[] = ["CODE_INVALID"];
/** Refusals that leave an event where another code works; all that are in neither list leave nothing. */
const PERHAPS_FAILED_TRIES: readonly string[] = ["CODE_SUPERSEDED", "CODE_ALREADY_USED"];

/** A code that a caller got in hand. */
export interface IssuedCode {
  readonly userId: string;
  readonly code: string;
  /** Of the event that issued it. */
  readonly sequence: number;
}

export interface Call {
  readonly name: CallName;
  readonly userId: string;
  /** The address that the call sets. */
  readonly address?: string;
  /** The code that the call submits, where that is one that was issued. */
  readonly submitted?: IssuedCode;
}

export interface Note extends Call {
  /** Ticks of a clock that all calls share: order, not time. */
  readonly startedAt: number;
  /** Absent while there is no answer. */
  answeredAt?: number;
  /** `details.sequence` of an accepting answer. */
  sequence?: number;
  /** The reason of a refusing answer. */
  refusal?: string;
}

export class Ledger {
  readonly notes: Note[] = [];
  #clock = 0;

  start(call: Call): Note {
    const note: Note = { ...call, startedAt: ++this.#clock };
    this.notes.push(note);
    return note;
  }

  accepted(note: Note, sequence: number): void {
    note.answeredAt = ++this.#clock;
    note.sequence = sequence;
  }

  refused(note: Note, reason: string): void {
    note.answeredAt = ++this.#clock;
    note.refusal = reason;
  }

  get answers(): number {
    return this.notes.filter((note) => note.answeredAt !== undefined).length;
  }
}

/**
 * @param unanswered what calls without an answer may have left: something, or nothing after an orderly stop
 * @returns one line for each thing that is wrong
 */
export async function ledgerProblems(
  store: Store,
  ledger: Ledger,
  unanswered: "perhaps executed" | "not executed",
): Promise<string[]> {
  const histories = byAggregate(await readLog(store)).filter(({ type }) => type === "user");
  const eventsByUser = new Map(histories.map(({ id, events }) => [id, events]));
  const notesByUser = Map.groupBy(ledger.notes, (note) => note.userId);
  const strangers = [...eventsByUser.keys()].filter((userId) => !notesByUser.has(userId));
  return [
    ...(await historyProblems(store)),
    ...strangers.map((userId) => `user ${userId}: nobody created it`),
    ...[...notesByUser].flatMap(([userId, notes]) => {
      const events = eventsByUser.get(userId) ?? [];
      return [
        ...notes.flatMap((note) => answerProblems(note, events)),
        ...remainderProblems(notes, events, unanswered),
        ...orderProblems(notes),
        ...wholenessProblems(events),
        ...codeProblems(events),
      ].map((problem) => `user ${userId}: ${problem}`);
    }),
  ];
}

/** An accepting answer's events are there, with its sequence and what the caller sent. */
function answerProblems(note: Note, events: readonly RecordedEvent[]): string[] {
  const { name, sequence, address, submitted } = note;
  if (sequence === undefined) return [];
  if (events.length < sequence) {
    return [`${name} answered sequence ${sequence}, the last event is ${events.length}`];
  }
  const appended = APPENDS[name];
  const found = events.slice(sequence - appended.length, sequence);
  const types = found.map((event) => event.type);
  if (types.join() !== appended.join())
    return [`${name} answered sequence ${sequence}, there is ${types.join()}`];
  const problems: string[] = [];
  if (address !== undefined && payloadOf(found[0]).email !== address) {
    problems.push(`${name} answered sequence ${sequence}, with another address than ${address}`);
  }
  if (submitted !== undefined && codeIdOf(found[0]) !== codeIdOf(events[submitted.sequence - 1])) {
    problems.push(
      `verify answered sequence ${sequence}, for another code than that of ${submitted.sequence}`,
    );
  }
  return problems;
}

/** Every event is accounted for: by one answer, by a refusal, or by a call that got no answer. */
function remainderProblems(
  notes: readonly Note[],
  events: readonly RecordedEvent[],
  unanswered: "perhaps executed" | "not executed",
): string[] {
  const owners = new Map<number, Note>();
  const problems: string[] = [];
  for (const note of notes) {
    if (note.sequence === undefined) continue;
    for (let back = 0; back < APPENDS[note.name].length; back++) {
      const owner = owners.get(note.sequence - back);
      // The same code once more is answered as it was the first time.
      const isRepeat =
        owner?.submitted !== undefined && owner.submitted.sequence === note.submitted?.sequence;
      if (owner !== undefined && !isRepeat)
        problems.push(`two answers claim sequence ${note.sequence - back}`);
      owners.set(note.sequence - back, note);
    }
  }
  const open = notes.filter((note) => note.answeredAt === undefined);
  const refusals = (reasons: readonly string[]) =>
    notes.filter(({ refusal }) => refusal !== undefined && reasons.includes(refusal)).length;
  const unclaimed = events.filter((event) => !owners.has(event.sequence) && event.type !== CODE_SENT);
  for (const type of [ADDED, CHANGED, CODE_ADDED, VERIFIED, FAILED]) {
    const count = unclaimed.filter((event) => event.type === type).length;
    const least = type === FAILED ? refusals(FAILED_TRIES) : 0;
    const perhaps = type === FAILED ? refusals(PERHAPS_FAILED_TRIES) : 0;
    const calls = open.filter(({ name }) =>
      type === FAILED ? name === "verify" : APPENDS[name].includes(type),
    ).length;
    const most = least + perhaps + (unanswered === "perhaps executed" ? calls : 0);
    if (count < least || count > most) {
      problems.push(`${count} × ${type} without an accepting answer, should be ${least} to ${most}`);
    }
  }
  return problems;
}

/** What was answered before a call started comes before it in the record. */
function orderProblems(notes: readonly Note[]): string[] {
  const accepted = notes.filter((note) => note.sequence !== undefined);
  const latestFirst = [...Map.groupBy(accepted, ({ sequence = 0 }) => sequence)].toSorted(
    ([a], [b]) => b - a,
  );
  const problems: string[] = [];
  let earliestAnswer = Infinity;
  for (const [sequence, group] of latestFirst) {
    // A repeated verification is answered with the old sequence, however late.
    const late = group.filter(({ name, startedAt }) => name !== "verify" && startedAt > earliestAnswer);
    for (const { name } of late) {
      problems.push(`${name} answered sequence ${sequence}, after a later one was answered`);
    }
    earliestAnswer = Math.min(earliestAnswer, ...group.map(({ answeredAt = Infinity }) => answeredAt));
  }
  return problems;
}

/** A new user and a changed address come with their code, in one commit. */
function wholenessProblems(events: readonly RecordedEvent[]): string[] {
  return events.flatMap(({ type, sequence, position }, index) => {
    if (type !== ADDED && type !== CHANGED) return [];
    const next = events[index + 1];
    const isWhole = next?.type === CODE_ADDED && next.position === position + 1;
    return isWhole ? [] : [`the command of sequence ${sequence} is there in part`];
  });
}

/** Each verification spends the one code that is live; told from the events alone, without the rules under test. */
function codeProblems(events: readonly RecordedEvent[]): string[] {
  const problems: string[] = [];
  let live: string | undefined;
  for (const event of events) {
    const { type, sequence } = event;
    if (type === CODE_ADDED) live = codeIdOf(event);
    else if (type === CHANGED) live = undefined;
    else if (type === VERIFIED) {
      if (live === undefined || codeIdOf(event) !== live)
        problems.push(`verified at ${sequence} without a live code`);
      live = undefined;
    } else if (type === FAILED && codeIdOf(event) !== live) {
      problems.push(`the failed try at ${sequence} was not against the live code`);
    }
  }
  return problems;
}

export function codeIdOf(event: RecordedEvent | undefined): string | undefined {
  return payloadOf(event).codeId;
}

function payloadOf(event: RecordedEvent | undefined): { readonly codeId?: string; readonly email?: string } {
  return event?.payload ?? {};
}
