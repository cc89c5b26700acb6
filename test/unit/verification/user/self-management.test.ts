/** One's own account without `user.write`: a mailed code proves something; a code in hand or a vouched-for address does not. */
import { describe, expect, test } from "@jest/globals";
import type { UserCommand, Verification } from "../../../../src/verification/user/commands.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, only, told } from "../given.ts";
import {
  ADDRESS,
  LINK,
  NEW_ADDRESS,
  NONE,
  RETURN,
  SEND,
  VERIFIED,
  codeAdded,
  givenUser,
  humanAdded,
  resendCode,
  sendCode,
  sendTo,
  setEmail,
  updateUser,
} from "./user-data.ts";

const { self, selfManager, selfWithWrite } = CALLERS;
const update = (address: string, verification: Verification) =>
  updateUser({ email: { address, verification } });

const allowed: [string, UserCommand][] = [
  ["SetEmail, send", setEmail(NEW_ADDRESS, SEND)],
  ["SetEmail, template", setEmail(NEW_ADDRESS, sendTo(LINK))],
  ["SendEmailCode, send", sendCode(SEND)],
  ["SendEmailCode, template", sendCode(sendTo(LINK))],
  ["ResendEmailCode, send", resendCode(SEND)],
  ["UpdateUser, send", update(NEW_ADDRESS, SEND)],
  ["UpdateUser, is_verified false", update(NEW_ADDRESS, NONE)],
  [
    "UpdateUser, profile and username",
    updateUser({ username: "lovelace", profile: { givenName: "Augusta" } }),
  ],
];

const refused: [string, UserCommand][] = [
  ["SetEmail, return_code", setEmail(NEW_ADDRESS, RETURN)],
  ["SetEmail, is_verified", setEmail(NEW_ADDRESS, VERIFIED)],
  ["SendEmailCode, return_code", sendCode(RETURN)],
  ["ResendEmailCode, return_code", resendCode(RETURN)],
  ["UpdateUser, return_code", update(NEW_ADDRESS, RETURN)],
  ["UpdateUser, is_verified", update(NEW_ADDRESS, VERIFIED)],
  ["UpdateUser, is_verified of the stored address (CVE-2026-27946)", update(ADDRESS, VERIFIED)],
  ["UpdateUser, return_code of the stored address", update(ADDRESS, RETURN)],
  ["UpdateUser, is_verified behind a username", { ...update(ADDRESS, VERIFIED), username: "x" }],
];

const given = () => givenUser(humanAdded(), codeAdded(1));

describe("self-management", () => {
  test.each(allowed)("%s is allowed and proves nothing yet", (_row, command) => {
    const scenario = given();
    const { outcome } = scenario.when(command, { caller: self });
    expect(outcome).toMatchObject({ ok: true, reply: { returnsCode: false } });
    expect(scenario.state.email.isVerified).toBe(false);
  });

  test.each(refused)("%s is refused", (_row, command) => {
    expect(told(given().when(command, { caller: self }))).toEqual(only(ANSWERS.noMembership));
    expect(told(given().when(command, { caller: selfManager }))).toEqual(only(ANSWERS.noPermission));
  });

  test.each(refused)("%s is allowed with user.write", (_row, command) => {
    expect(given().when(command, { caller: selfWithWrite }).outcome.ok).toBe(true);
  });
});
