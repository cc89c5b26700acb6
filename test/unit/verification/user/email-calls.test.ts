/** Facts 2.1 and 2.8: every command-level case of ZITADEL's own tests. */
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../../src/verification/caller.ts";
import type { UserCommand } from "../../../../src/verification/user/commands.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, NOW, only, reply, told } from "../given.ts";
import {
  ADDRESS,
  LINK,
  NEW_ADDRESS,
  PASTS,
  RETURN,
  SEND,
  VERIFIED,
  codeAdded,
  codeSent,
  emailChanged,
  givenUser,
  humanAdded,
  mail,
  resendCode,
  sendCode,
  sendTo,
  setEmail,
  verified,
  verify,
} from "./user-data.ts";

const { withoutGrants } = CALLERS;
const withCode = [humanAdded(), codeAdded(1)];
const brokenLink = sendTo("{{");

describe("refusals", () => {
  test.each<[row: string, command: UserCommand, answer: string, caller?: Caller]>([
    ["ChangeUserEmail: missing permission", setEmail(""), ANSWERS.noMembership, withoutGrants],
    ["ChangeUserEmail: missing email", setEmail(""), ANSWERS.emailEmpty],
    ["ChangeUserEmail: not changed", setEmail("ada@example.com"), ANSWERS.emailNotChanged],
    [
      "ChangeUserEmailURLTemplate: invalid template",
      setEmail(NEW_ADDRESS, brokenLink),
      ANSWERS.templateMalformed,
    ],
    [
      "ChangeUserEmailURLTemplate: permission missing",
      setEmail("", sendTo(LINK)),
      ANSWERS.noMembership,
      withoutGrants,
    ],
    [
      "ChangeUserEmailURLTemplate: not changed",
      setEmail("ada@example.com", sendTo(LINK)),
      ANSWERS.emailNotChanged,
    ],
    [
      "ChangeUserEmailReturnCode: missing permission",
      setEmail("", RETURN),
      ANSWERS.noMembership,
      withoutGrants,
    ],
    ["ChangeUserEmailReturnCode: missing email", setEmail("", RETURN), ANSWERS.emailEmpty],
    ["ResendUserEmailCode: missing permission", resendCode(), ANSWERS.noMembership, withoutGrants],
    ["ResendUserEmailCode: no code", resendCode(), ANSWERS.noCodeToResend],
    ["SendUserEmailCode: missing permission", sendCode(), ANSWERS.noMembership, withoutGrants],
    ["ResendUserEmailCodeURLTemplate: invalid template", resendCode(brokenLink), ANSWERS.templateMalformed],
    [
      "ResendUserEmailCodeURLTemplate: permission",
      resendCode(sendTo(LINK)),
      ANSWERS.noMembership,
      withoutGrants,
    ],
    ["ResendUserEmailCodeURLTemplate: no code", resendCode(sendTo(LINK)), ANSWERS.noCodeToResend],
    ["SendUserEmailCodeURLTemplate: invalid template", sendCode(brokenLink), ANSWERS.templateMalformed],
    ["SendUserEmailCodeURLTemplate: permission", sendCode(sendTo(LINK)), ANSWERS.noMembership, withoutGrants],
    [
      "ResendUserEmailReturnCode: missing permission",
      resendCode(RETURN),
      ANSWERS.noMembership,
      withoutGrants,
    ],
    ["ResendUserEmailReturnCode: missing code", resendCode(RETURN), ANSWERS.noCodeToResend],
    ["SendUserEmailReturnCode: missing permission", sendCode(RETURN), ANSWERS.noMembership, withoutGrants],
    [
      "ChangeUserEmailVerified: missing userID",
      { ...setEmail("", VERIFIED), userId: "" },
      ANSWERS.emailIdMissing,
    ],
    [
      "ChangeUserEmailVerified: missing permission",
      setEmail("", VERIFIED),
      ANSWERS.noMembership,
      withoutGrants,
    ],
    ["ChangeUserEmailVerified: missing email", setEmail("", VERIFIED), ANSWERS.emailEmpty],
    ["VerifyUserEmail: missing userID", { ...verify("CODE1"), userId: "" }, ANSWERS.emailIdMissing],
    ["VerifyUserEmail: missing code", verify(""), ANSWERS.codeMissing],
  ])("%s", (_row, command, answer, caller = CALLERS.iamOwner) => {
    const scenario = givenUser(...(command.userId === "" ? PASTS.unknown : PASTS.active));
    expect(told(scenario.when(command, { caller }))).toEqual(only(answer));
  });
});

describe("changes", () => {
  test.each<[row: string, past: UserEvent[], command: UserCommand, expected: ReturnType<typeof only>]>([
    [
      "ChangeUserEmailVerified: email changed",
      withCode,
      setEmail(NEW_ADDRESS, VERIFIED),
      only(reply(4), { events: [emailChanged(), verified()] }),
    ],
    [
      "changeUserEmailWithGenerator: email changed, no template",
      PASTS.active.slice(),
      setEmail(NEW_ADDRESS),
      only(reply(3), {
        events: [emailChanged(), codeAdded(1)],
        outbox: [mail(1, { recipient: NEW_ADDRESS })],
      }),
    ],
    [
      "SetEmail of the stored address in other letters: a change",
      PASTS.active.slice(),
      setEmail(ADDRESS.toUpperCase()),
      only(reply(3), {
        events: [emailChanged(ADDRESS.toUpperCase()), codeAdded(1)],
        outbox: [mail(1, { recipient: ADDRESS.toUpperCase() })],
      }),
    ],
    [
      "changeUserEmailWithGenerator: email changed, return code",
      PASTS.active.slice(),
      setEmail(NEW_ADDRESS, RETURN),
      only(reply(3, { returnsCode: true }), {
        events: [emailChanged(), codeAdded(1, { code_returned: true })],
      }),
    ],
    [
      "changeUserEmailWithGenerator: email changed, URL template",
      PASTS.active.slice(),
      setEmail(NEW_ADDRESS, sendTo(LINK)),
      only(reply(3), {
        events: [emailChanged(), codeAdded(1, { url_template: LINK })],
        outbox: [mail(1, { recipient: NEW_ADDRESS, urlTemplate: LINK })],
      }),
    ],
    [
      "sendUserEmailCodeWithGeneratorEvents: send code (no existing code)",
      PASTS.active.slice(),
      sendCode(),
      only(reply(2), { events: [codeAdded(1)], outbox: [mail(1)] }),
    ],
    [
      "sendUserEmailCodeWithGeneratorEvents: resend code (existing)",
      withCode,
      resendCode(),
      only(reply(3), { events: [codeAdded(2)], outbox: [mail(2)] }),
    ],
    [
      "sendUserEmailCodeWithGeneratorEvents: send code, return code",
      withCode,
      sendCode(RETURN),
      only(reply(3, { returnsCode: true }), { events: [codeAdded(2, { code_returned: true })] }),
    ],
    [
      "sendUserEmailCodeWithGeneratorEvents: send code, URL template",
      PASTS.active.slice(),
      sendCode(sendTo(LINK)),
      only(reply(2), {
        events: [codeAdded(1, { url_template: LINK })],
        outbox: [mail(1, { urlTemplate: LINK })],
      }),
    ],
    [
      "SendEmailCode on a verified user",
      [humanAdded(), verified()],
      sendCode(),
      only(reply(3), { events: [codeAdded(1)], outbox: [mail(1)] }),
    ],
    [
      "verifyUserEmailWithGenerator: right, fresh code",
      withCode,
      verify("CODE1"),
      only(reply(3), { events: [verified(1)] }),
    ],
    [
      "email.recordSent: the relay took the mail",
      withCode,
      { type: "email.recordSent", userId: "user1", codeId: "code1" },
      only(reply(3), { events: [codeSent(1)] }),
    ],
  ])("%s", (_row, past, command, expected) => {
    expect(told(givenUser(...past).when(command))).toEqual(expected);
  });

  test("an expired code can be resent", () => {
    const { outcome } = givenUser(...withCode).when(resendCode(), { nowMs: NOW + 1e9 });
    expect(outcome.ok).toBe(true);
  });

  test("a mail accepted after its user was deleted leaves no trace", () => {
    const scenario = givenUser(...PASTS.deleted);
    expect(scenario.when({ type: "email.recordSent", userId: "user1", codeId: "code1" }).events).toEqual([]);
  });

  test("issuing a code without a drawn one is a bug of the caller, not a refusal", () => {
    const { decider, state } = givenUser(humanAdded());
    const env = { nowMs: NOW, caller: CALLERS.system, policy: { links: {} } };
    expect(() => decider.decide(state, {} as never, sendCode(SEND), env as never)).toThrow(TypeError);
  });
});
