/** Facts 2.3: what each event does to the e-mail model, and to the rest of the state. */
import { describe, expect, test } from "@jest/globals";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import {
  OLDER_CODES_KEPT,
  UNKNOWN_USER,
  isLiveCode,
  liveCodes,
  type UserState,
} from "../../../../src/verification/user/state.ts";
import { ORG, POLICY, RECORDED_AT } from "../given.ts";
import { mac } from "../new-code.ts";
import {
  ADDRESS,
  NEW_ADDRESS,
  codeAdded,
  codeSent,
  emailChanged,
  failed,
  givenUser,
  happened,
  humanAdded,
  verified,
} from "./user-data.ts";

/** The most that COUNTERSIGN_LIVE_CODES takes. */
const MOST_LIVE_CODES = 5;
const expiresAtMs = RECORDED_AT + POLICY.codeTtlMs;
const live = (n: number) => ({ codeId: `code${n}`, mac: mac(`CODE${n}`), expiresAtMs });
const ended = (n: number, end: "used" | "superseded") => ({ ...live(n), end });
const beside = (n: number, live_codes: number) => codeAdded(n, { live_codes });
const spent = (n: number, sequence: number) => ({
  ...live(n),
  sequence,
  verifiedAtMs: RECORDED_AT,
});
const address = (of: string, isVerified: boolean) => ({ address: of, isVerified });

const rows: [row: string, events: UserEvent[], state: Partial<UserState>][] = [
  [
    "human added: address set, active",
    [humanAdded()],
    { status: "active", email: address(ADDRESS, false), code: null, username: "ada" },
  ],
  [
    "initial code added: initial",
    [humanAdded(), happened("user.human.initialization.code.added")],
    { status: "initial", email: address(ADDRESS, false) },
  ],
  [
    "initialized check succeeded: active",
    [
      humanAdded(),
      happened("user.human.initialization.code.added"),
      happened("user.human.initialization.check.succeeded"),
    ],
    { status: "active" },
  ],
  ["code added: kept", [humanAdded(), codeAdded(1)], { code: live(1), email: address(ADDRESS, false) }],
  [
    "code added: replaces the older, which is remembered",
    [humanAdded(), codeAdded(1), codeAdded(2)],
    { code: live(2), olderCodes: [ended(1, "superseded")] },
  ],
  [
    "code added: works beside as many as it says",
    [humanAdded(), beside(1, 3), beside(2, 3), beside(3, 3), beside(4, 3)],
    { code: live(4), olderCodes: [live(3), live(2), ended(1, "superseded")] },
  ],
  [
    "code added: fewer work beside it than beside the one before",
    [humanAdded(), beside(1, 3), beside(2, 3), beside(3, 2)],
    { code: live(3), olderCodes: [live(2), ended(1, "superseded")] },
  ],
  [
    "code added: what was over does not come back",
    [humanAdded(), codeAdded(1), codeAdded(2), beside(3, 5)],
    { code: live(3), olderCodes: [live(2), ended(1, "superseded")] },
  ],
  [
    "code added: no more are remembered than that",
    [humanAdded(), ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => codeAdded(n))],
    { code: live(8), olderCodes: [7, 6, 5, 4, 3].map((n) => ended(n, "superseded")) },
  ],
  [
    "code added: a verified address stays verified",
    [humanAdded(), verified(), codeAdded(1)],
    { code: live(1), email: address(ADDRESS, true) },
  ],
  [
    "code added: the code that verified before can no longer be repeated",
    [humanAdded(), codeAdded(1), verified(1), codeAdded(2)],
    { code: live(2), olderCodes: [ended(1, "used")], spentCode: null },
  ],
  [
    "email changed: new address, not verified, no code works any more",
    [humanAdded(), verified(), beside(1, 2), beside(2, 2), emailChanged()],
    {
      email: address(NEW_ADDRESS, false),
      code: null,
      olderCodes: [ended(2, "superseded"), ended(1, "superseded")],
    },
  ],
  [
    "email changed: the code that verified before can no longer be repeated",
    [humanAdded(), codeAdded(1), verified(1), emailChanged()],
    { email: address(NEW_ADDRESS, false), olderCodes: [ended(1, "used")], spentCode: null },
  ],
  [
    "email verified by code: verified, code dropped and remembered as spent",
    [humanAdded(), codeAdded(1), verified(1)],
    { email: address(ADDRESS, true), code: null, olderCodes: [], spentCode: spent(1, 3) },
  ],
  [
    "email verified by an older code: the newer one works no more",
    [humanAdded(), beside(1, 2), beside(2, 2), verified(1)],
    { code: null, olderCodes: [ended(2, "superseded")], spentCode: spent(1, 4) },
  ],
  [
    "email verified by an administrator after a code did: nothing is repeated",
    [humanAdded(), codeAdded(1), verified(1), verified()],
    { code: null, olderCodes: [ended(1, "used")], spentCode: null },
  ],
  [
    "email verified by an administrator: code dropped, not spent",
    [humanAdded(), codeAdded(1), verified()],
    { email: address(ADDRESS, true), code: null, olderCodes: [ended(1, "superseded")], spentCode: null },
  ],
  [
    "verification failed and code sent: nothing",
    [humanAdded(), codeAdded(1), failed(1), codeSent(1)],
    { code: live(1), email: address(ADDRESS, false), sequence: 4 },
  ],
  [
    "locked, unlocked, deactivated, reactivated: the e-mail model ignores them",
    [
      humanAdded(),
      codeAdded(1),
      happened("user.locked"),
      happened("user.unlocked"),
      happened("user.deactivated"),
    ],
    { status: "inactive", code: live(1), email: address(ADDRESS, false) },
  ],
  [
    "username and profile changed",
    [
      humanAdded({ nickName: "Countess", gender: 1 }),
      { type: "user.username.changed", payload: { userName: "lovelace" } },
      { type: "user.human.profile.changed", payload: { firstName: "Augusta", nickName: "" } },
    ],
    {
      username: "lovelace",
      profile: {
        givenName: "Augusta",
        familyName: "Lovelace",
        nickName: "",
        displayName: "Ada Lovelace",
        preferredLanguage: "",
        gender: 1,
      },
    },
  ],
  [
    "removed: a tombstone without personal data",
    [humanAdded(), codeAdded(1), happened("user.removed")],
    {
      ...UNKNOWN_USER,
      status: "deleted",
      sequence: 3,
      createdAtMs: RECORDED_AT,
      changedAtMs: RECORDED_AT,
      organizationId: ORG,
    },
  ],
];

describe("evolve", () => {
  test.each(rows)("%s", (_row, events, expected) => {
    expect(givenUser(...events).state).toMatchObject(expected);
  });

  test("the head counts events and keeps first and last time", () => {
    const scenario = givenUser(humanAdded());
    scenario.record([codeAdded(1)], RECORDED_AT + 5);
    expect(scenario.state).toMatchObject({
      sequence: 2,
      createdAtMs: RECORDED_AT,
      changedAtMs: RECORDED_AT + 5,
      organizationId: ORG,
    });
  });

  test("an older code is forgotten once its life is over", () => {
    const scenario = givenUser(humanAdded(), codeAdded(1));
    scenario.record([codeAdded(2)], expiresAtMs + 1);
    expect(scenario.state.olderCodes).toEqual([]);
  });

  test.each([
    ["in their last millisecond", expiresAtMs, ["code3", "code2"]],
    ["a millisecond later", expiresAtMs + 1, []],
  ])("codes %s", (_when, nowMs, expected) => {
    const { state } = givenUser(humanAdded(), beside(1, 2), beside(2, 2), beside(3, 2));
    expect(liveCodes(state, nowMs).map(({ codeId }) => codeId)).toEqual(expected);
    for (const codeId of ["code1", "code2", "code3"]) {
      expect(isLiveCode(state, codeId, nowMs)).toBe(expected.includes(codeId));
    }
  });

  test("without a code none is live", () => {
    expect(liveCodes(UNKNOWN_USER, 0)).toEqual([]);
  });

  test("more older codes are remembered than can work", () => {
    expect(OLDER_CODES_KEPT).toBeGreaterThan(MOST_LIVE_CODES - 1);
  });
});
