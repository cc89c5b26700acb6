/** Facts 2.3: what each event does to the e-mail model, and to the rest of the state. */
import { describe, expect, test } from "@jest/globals";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { UNKNOWN_USER, liveCode, type UserState } from "../../../../src/verification/user/state.ts";
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

const expiresAtMs = RECORDED_AT + POLICY.codeTtlMs;
const live = (n: number) => ({ codeId: `code${n}`, mac: mac(`CODE${n}`), expiresAtMs });
const spent = (n: number, sequence: number) => ({
  mac: mac(`CODE${n}`),
  expiresAtMs,
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
  ["code added: replaces the older", [humanAdded(), codeAdded(1), codeAdded(2)], { code: live(2) }],
  [
    "code added: a verified address stays verified",
    [humanAdded(), verified(), codeAdded(1)],
    { code: live(1), email: address(ADDRESS, true) },
  ],
  [
    "code added: forgets the code that verified before",
    [humanAdded(), codeAdded(1), verified(1), codeAdded(2)],
    { code: live(2), spentCode: null },
  ],
  [
    "email changed: new address, not verified, code dropped",
    [humanAdded(), verified(), codeAdded(1), emailChanged()],
    { email: address(NEW_ADDRESS, false), code: null },
  ],
  [
    "email changed: forgets the code that verified before",
    [humanAdded(), codeAdded(1), verified(1), emailChanged()],
    { email: address(NEW_ADDRESS, false), spentCode: null },
  ],
  [
    "email verified by code: verified, code dropped and remembered as spent",
    [humanAdded(), codeAdded(1), verified(1)],
    { email: address(ADDRESS, true), code: null, spentCode: spent(1, 3) },
  ],
  [
    "email verified by an administrator: code dropped, not spent",
    [humanAdded(), codeAdded(1), verified()],
    { email: address(ADDRESS, true), code: null, spentCode: null },
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

  test.each([
    ["in its last millisecond", expiresAtMs, live(1)],
    ["a millisecond later", expiresAtMs + 1, undefined],
  ])("a code %s", (_when, nowMs, expected) => {
    expect(liveCode(givenUser(humanAdded(), codeAdded(1)).state, nowMs)).toEqual(expected);
  });

  test("there is no live code without a code", () => {
    expect(liveCode(UNKNOWN_USER, 0)).toBeUndefined();
  });
});
