// The checker sees what it is there for: a story without a fault, and the same with one fault each.
import { expect, test } from "@jest/globals";
import { killPoint, STOPPED } from "./kill-points.ts";
import {
  judgeMails,
  STATUS_WRITE_MS,
  TOLERATED_MS,
  type AnsweredCommand,
  type HandOver,
  type Life,
  type MailEvidence,
  type MailRow,
  type UserEvent,
} from "./mail-checker.ts";

const ADDED = "user.human.email.code.added";
const SENT = "user.human.email.code.sent";
const VERIFIED = "user.human.email.verified";

function at(ms: number): { ms: number; turn: number } {
  return { ms, turn: ms };
}

/**
 * Ada's first code was superseded before it was mailed. Her second one was mailed twice, because the service was killed
 * before it heard the relay's 250.
 */
const DOT: Life = {
  point: killPoint("after the final dot, before 250"),
  isKilled: true,
  startedMs: 0,
  endedMs: 300,
  pending: new Map([["mail-2", "sending"]]),
};
const LAST: Life = { ...DOT, isKilled: false, startedMs: 300, endedMs: 900, pending: new Map() };
const FIRST: HandOver = {
  life: 0,
  started: at(250),
  recipient: "ada@example.org",
  deliveryId: "mail-2",
  message: "Your code: BBBBBB",
  hasItsCode: true,
};
const SECOND: HandOver = { ...FIRST, life: 1, started: at(600), acceptedMs: 601 };
const COMMANDS: readonly AnsweredCommand[] = [
  { name: "create", userId: "ada", life: 0, sequence: 2, answered: at(100) },
  { name: "mailCode", userId: "ada", life: 0, sequence: 3, answered: at(200) },
];
const ROW: MailRow = {
  deliveryId: "mail-2",
  codeId: "code-2",
  userId: "ada",
  recipient: "ada@example.org",
  state: "sent",
  isSealed: false,
  ends: 1,
};
const OLD_ROW: MailRow = { ...ROW, deliveryId: "mail-1", codeId: "code-1", state: "cancelled" };
const EVENTS: readonly UserEvent[] = [
  { userId: "ada", sequence: 1, type: "user.human.added" },
  { userId: "ada", sequence: 2, type: ADDED, codeId: "code-1" },
  { userId: "ada", sequence: 3, type: ADDED, codeId: "code-2" },
  { userId: "ada", sequence: 4, type: SENT, codeId: "code-2" },
];
const STORY: MailEvidence = {
  lives: [DOT, LAST],
  handOvers: [FIRST, SECOND],
  commands: COMMANDS,
  rows: [OLD_ROW, ROW],
  events: EVENTS,
};

function judge(change: Partial<MailEvidence>) {
  const { findings, ...rest } = judgeMails({ ...STORY, ...change });
  return { findings: findings.map(({ kind, text }) => `${kind}: ${text}`), ...rest };
}

test("a story without a fault: one duplicate, as it may be", () => {
  expect(judge({})).toEqual({
    findings: [],
    duplicates: [{ life: 0, deliveryId: "mail-2" }],
    tolerated: 0,
  });
});

const killedAt = (name: string): Life => ({ ...DOT, point: killPoint(name) });
const stopped: Life = {
  ...DOT,
  point: STOPPED,
  isKilled: false,
  stopped: { fromMs: 260, untilMs: 280, mails: 1 },
};
const oldMail: HandOver = { ...FIRST, deliveryId: "mail-1", message: "Your code: AAAAAA" };

test.each<[string, Partial<MailEvidence>, readonly RegExp[]]>([
  [
    "an answered code without an event",
    { events: EVENTS.filter(({ codeId }) => codeId !== "code-1") },
    [/^lost: create on ada answered sequence 2: no code is recorded/],
  ],
  [
    "an answered code without a mail",
    { rows: [ROW] },
    [/^lost: create on ada answered sequence 2: .* it has no mail/],
  ],
  [
    "the newest code was never taken, and is called sent",
    { handOvers: [FIRST] },
    [/^lost: code code-2 of ada .*never reached/, /^lost: mail mail-2 is called sent/],
  ],
  [
    "the newest code's mail was cancelled",
    { handOvers: [], rows: [OLD_ROW, { ...ROW, state: "cancelled" }], events: EVENTS.slice(0, 3) },
    [/^lost: code code-2 of ada .*\(cancelled\) never reached/],
  ],
  [
    "a mail waits for ever",
    {
      handOvers: [],
      rows: [OLD_ROW, { ...ROW, state: "queued", ends: 0, isSealed: true }],
      events: EVENTS.slice(0, 3),
    },
    [/^lost: code code-2/, /ended as queued/, /0 ends/, /not erased/],
  ],
  [
    "a superseded code leaves after the answer",
    { handOvers: [FIRST, SECOND, { ...oldMail, started: at(201 + TOLERATED_MS) }] },
    [/^stale: MAIL FROM for mail-1 21\.0 ms after/],
  ],
  [
    "a superseded code leaves after the answer, cut before its final dot",
    {
      commands: [...COMMANDS, { name: "verify", userId: "ada", life: 0, sequence: 5, answered: at(650) }],
      handOvers: [
        FIRST,
        SECOND,
        { life: 1, started: at(700), recipient: ROW.recipient, message: "", hasItsCode: false },
      ],
      events: [...EVENTS, { userId: "ada", sequence: 5, type: VERIFIED, codeId: "code-2" }],
    },
    [/^stale: MAIL FROM for ada@example\.org 50\.0 ms after/],
  ],
  [
    "twice with other bytes",
    { handOvers: [FIRST, { ...SECOND, message: "Your code: CCCCCC" }] },
    [/^duplicate: mail mail-2 came twice: the two differ/],
  ],
  [
    "twice from one life",
    { handOvers: [{ ...FIRST, life: 1, started: at(500) }, SECOND] },
    [/^duplicate: .*both from one life/],
  ],
  [
    "twice from one life, both before it was stopped",
    {
      lives: [stopped, LAST],
      handOvers: [
        { ...FIRST, started: at(240) },
        { ...SECOND, life: 0, started: at(255) },
      ],
    },
    [/^duplicate: .*both from one life/],
  ],
  [
    "twice though the first life ended in good order",
    { lives: [{ ...DOT, isKilled: false }, LAST] },
    [/^duplicate: .*ended in good order/],
  ],
  [
    "twice though it was killed far from any final dot",
    { lives: [killedAt("after RCPT"), LAST] },
    [/^duplicate: .*killed after RCPT/],
  ],
  [
    "twice though its row had ended",
    { lives: [{ ...DOT, pending: new Map() }, LAST] },
    [/^duplicate: .*not being sent .*, but ended/],
  ],
  [
    "twice though its row waited",
    { lives: [{ ...DOT, pending: new Map([["mail-2", "retrying"]]) }, LAST] },
    [/^duplicate: .*but retrying/],
  ],
  [
    "twice though there was time to write the status",
    {
      lives: [{ ...DOT, endedMs: 252 + STATUS_WRITE_MS }, LAST],
      handOvers: [{ ...FIRST, acceptedMs: 251 }, SECOND],
    },
    [/^duplicate: .*250 was 1001 ms old/],
  ],
  [
    "a row that failed",
    { rows: [{ ...OLD_ROW, state: "failed" }, ROW] },
    [/^disagreement: mail mail-1: ended as failed/],
  ],
  [
    "a row that ended twice",
    { rows: [OLD_ROW, { ...ROW, ends: 2 }] },
    [/^disagreement: mail mail-2: .* 2 ends/],
  ],
  [
    "a code that was kept",
    { rows: [OLD_ROW, { ...ROW, isSealed: true }] },
    [/^disagreement: mail mail-2: .*not erased/],
  ],
  ["sent without an event", { events: EVENTS.slice(0, 3) }, [/^disagreement: mail mail-2: sent, .* 0 times/]],
  [
    "sent with two events",
    { events: [...EVENTS, { userId: "ada", sequence: 5, type: SENT, codeId: "code-2" }] },
    [/^disagreement: mail mail-2: sent, .* 2 times/],
  ],
  [
    "cancelled with an event",
    { events: [...EVENTS, { userId: "ada", sequence: 5, type: SENT, codeId: "code-1" }] },
    [/^disagreement: mail mail-1: cancelled, .* 1 times/],
  ],
  [
    "an event of another user",
    { events: EVENTS.map((event) => (event.type === SENT ? { ...event, userId: "eve" } : event)) },
    [/^disagreement: mail mail-2: sent/],
  ],
  [
    "a mail that nobody queued",
    { handOvers: [FIRST, SECOND, { ...FIRST, deliveryId: "mail-9" }] },
    [/^disagreement: .* mail-9 belongs to no row/],
  ],
  [
    "a mail to somebody else",
    { handOvers: [{ ...SECOND, recipient: "eve@example.org" }] },
    [/^disagreement: the mail to eve@example\.org: its row is for ada@example\.org/],
  ],
  [
    "a mail with another code",
    { handOvers: [{ ...SECOND, hasItsCode: false }] },
    [/^disagreement: .*its code is not that of its row/],
  ],
  [
    "a mail that was taken and forgotten",
    { handOvers: [SECOND, { ...oldMail, life: 1, started: at(150), acceptedMs: 160 }] },
    [/^disagreement: .*the relay took it, and its row is cancelled/],
  ],
])("%s", (_name, change, expected) => {
  const { findings } = judge(change);
  expect(findings).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

test.each<[string, Partial<MailEvidence>, { duplicates: number; tolerated: number }]>([
  [
    "a code that leaves in the turn in which its successor is answered",
    { handOvers: [SECOND, { ...oldMail, started: { ms: 300, turn: 200 } }] },
    { duplicates: 0, tolerated: 0 },
  ],
  [
    "a code that leaves within the tolerance",
    { handOvers: [SECOND, { ...oldMail, started: at(200 + TOLERATED_MS) }] },
    { duplicates: 0, tolerated: 1 },
  ],
  [
    "twice from one life that was stopped between them",
    { lives: [stopped, LAST], handOvers: [FIRST, { ...SECOND, life: 0, started: at(290) }] },
    { duplicates: 1, tolerated: 0 },
  ],
  [
    "a mail that was taken, and superseded before the next process could write it down",
    {
      lives: [{ ...DOT, pending: new Map([["mail-1", "sending"]]) }, LAST],
      handOvers: [{ ...oldMail, started: at(190), acceptedMs: 195 }, SECOND],
    },
    { duplicates: 0, tolerated: 0 },
  ],
])("no fault: %s", (_name, change, { duplicates, tolerated }) => {
  const { findings, ...judgement } = judge(change);
  expect(findings).toEqual([]);
  expect(judgement.duplicates).toHaveLength(duplicates);
  expect(judgement.tolerated).toBe(tolerated);
});
