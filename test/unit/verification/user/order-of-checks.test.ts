/** Facts 2.2: which fault of a call is told first. Every row has all the later faults as well. */
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../../src/verification/caller.ts";
import type { UserCommand } from "../../../../src/verification/user/commands.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, only, told } from "../given.ts";
import {
  ADDRESS,
  PASTS,
  SEND,
  codeAdded,
  givenUser,
  happened,
  humanAdded,
  resendCode,
  sendCode,
  sendTo,
  setEmail,
  verified,
  verify,
} from "./user-data.ts";

const malformed = sendTo("https://shop.example/{{");
const unknownField = sendTo("https://shop.example/{{.Foo}}");
const { iamOwner, orgOwnerElsewhere, reader, self, withoutGrants, anonymous } = CALLERS;

const calls: [name: string, call: (verification: typeof SEND) => UserCommand][] = [
  ["SetEmail", (verification) => setEmail("", verification)],
  ["SendEmailCode", sendCode],
  ["ResendEmailCode", resendCode],
];

type Row = [
  row: string,
  past: readonly UserEvent[],
  verification: typeof SEND,
  caller: Caller,
  answer: string,
];
const rows: Row[] = [
  ["b template does not parse", PASTS.unknown, malformed, withoutGrants, ANSWERS.templateMalformed],
  [
    "b' template has an unknown field",
    PASTS.unknown,
    unknownField,
    withoutGrants,
    ANSWERS.templateUnknownField,
  ],
  ["e user unknown, or a machine user", PASTS.unknown, SEND, withoutGrants, ANSWERS.emailNotFound],
  ["e user deleted", PASTS.deleted, SEND, withoutGrants, ANSWERS.emailNotFound],
  ["f user initial", PASTS.initial, SEND, withoutGrants, ANSWERS.notInitialised],
  ["g no membership", PASTS.active, SEND, withoutGrants, ANSWERS.noMembership],
  ["g no permission", PASTS.active, SEND, reader, ANSWERS.noPermission],
  ["g permission elsewhere", PASTS.active, SEND, orgOwnerElsewhere, ANSWERS.noPermissionHere],
  ["g no credential", PASTS.active, SEND, anonymous, ANSWERS.noCredential],
];

describe.each(calls)("%s", (_name, call) => {
  test.each(rows)("%s", (_row, past, verification, caller, answer) => {
    expect(told(givenUser(...past).when(call(verification), { caller }))).toEqual(only(answer));
  });

  test.each([
    ["b before d", malformed, ANSWERS.templateMalformed],
    ["d user id empty", SEND, ANSWERS.emailIdMissing],
  ])("%s", (_row, verification, answer) => {
    const decision = givenUser().when({ ...call(verification), userId: "" }, { caller: withoutGrants });
    expect(told(decision)).toEqual(only(answer));
  });

  test.each([PASTS.locked, PASTS.inactive])(
    "locked and inactive users keep their e-mail calls",
    (...past) => {
      const scenario = givenUser(...past, codeAdded(1));
      const command = call(SEND);
      const { outcome } = scenario.when(
        command.type === "email.set" ? { ...command, address: "x@y.example" } : command,
      );
      expect(outcome.ok).toBe(true);
    },
  );
});

describe("what is particular to a call comes last", () => {
  test.each<[string, UserEvent[], UserCommand, Caller, string]>([
    ["h address empty", [humanAdded()], setEmail(""), iamOwner, ANSWERS.emailEmpty],
    ["h address blank", [humanAdded()], setEmail(" \t"), iamOwner, ANSWERS.emailEmpty],
    ["h' address not parseable", [humanAdded()], setEmail("ada"), iamOwner, ANSWERS.emailInvalid],
    ["h'' address with a name", [humanAdded()], setEmail(`Ada <${ADDRESS}>`), iamOwner, ANSWERS.emailNamed],
    ["i address as stored", [humanAdded()], setEmail(ADDRESS), self, ANSWERS.emailNotChanged],
    [
      "i address as stored, with blanks",
      [humanAdded()],
      setEmail(` ${ADDRESS} `),
      self,
      ANSWERS.emailNotChanged,
    ],
    ["j no code yet", [humanAdded()], resendCode(), iamOwner, ANSWERS.noCodeToResend],
    ["j code used", [humanAdded(), codeAdded(1), verified(1)], resendCode(), self, ANSWERS.noCodeToResend],
    ["k no code submitted, unknown user", [], verify(""), withoutGrants, ANSWERS.codeMissing],
    ["d before k", [], { ...verify(""), userId: "" }, withoutGrants, ANSWERS.emailIdMissing],
    ["e before l", [], verify("CODE1"), withoutGrants, ANSWERS.emailNotFound],
    [
      "e before l, deleted",
      [humanAdded(), happened("user.removed")],
      verify("X"),
      iamOwner,
      ANSWERS.emailNotFound,
    ],
    ["f before l", [...PASTS.initial, codeAdded(1)], verify("CODE1"), withoutGrants, ANSWERS.notInitialised],
  ])("%s", (_row, past, command, caller, answer) => {
    expect(told(givenUser(...past).when(command, { caller }))).toEqual(only(answer));
  });

  test("addresses are compared exactly: another case is another address", () => {
    expect(givenUser(humanAdded()).when(setEmail("Ada@example.com")).outcome.ok).toBe(true);
  });
});
