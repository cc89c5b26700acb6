// A person with a token of their own, over gRPC and REST: what they may do to their account, and every way we know by which
// they might have an address called theirs without reading its mail (CVE-2026-27946, CVE-2026-54693 and their siblings).
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { randomUUID } from "node:crypto";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { asAdmin, ask, exchange } from "../support/user-service-calls.ts";
import { JwtIssuer } from "../support/jwt-issuer.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";
import {
  at,
  grpc,
  isServedOverRest,
  rest,
  textAt,
  type Answer,
  type MethodName,
} from "../support/wire-formats.ts";

jest.setTimeout(60_000);

/** ZITADEL's answer to who has no role at all. */
const NO_ROLE: Refusal = {
  code: 5,
  text: "membership not found",
  id: "AUTHZ-cdgFk",
  reason: "MEMBERSHIP_NOT_FOUND",
};
const CODE_INVALID: Refusal = {
  code: 3,
  text: "Code is invalid",
  id: "COMMAND-eis9R",
  reason: "CODE_INVALID",
};

let application: TestApplication;
let issuer: JwtIssuer;
let recorder: SmtpRecorder;
let people = 0;

beforeAll(async () => {
  issuer = await JwtIssuer.start();
  recorder = await SmtpRecorder.start();
  application = await startTestApplication({
    env: { ...issuer.env, COUNTERSIGN_SMTP_URL: recorder.url },
  });
});
afterAll(async () => {
  await application.stop();
  await Promise.all([issuer.stop(), recorder.stop()]);
});
afterEach(() => expect(application.takeErrors()).toEqual([]));

interface Person {
  readonly userId: string;
  readonly address: string;
  readonly token: string;
}

/** A user whose address is not verified, and who can sign in. */
async function newPerson(): Promise<Person> {
  people += 1;
  const userId = `person-${people}`;
  const address = `${userId}@example.com`;
  await asAdmin(application, "AddHumanUser", {
    userId,
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: address, isVerified: false },
  });
  return { userId, address, token: await issuer.token(userId) };
}

async function emailOf(userId: string): Promise<{ address: string; isVerified: boolean }> {
  const found = await asAdmin(application, "GetUserByID", { userId });
  const email = at(found, "user", "human", "email");
  return { address: textAt(email, "email"), isVerified: at(email, "isVerified") === true };
}

/** The whole of a user, details included: equal means that nothing happened to it. */
function lookAt(userId: string): Promise<JsonObject> {
  return asAdmin(application, "GetUserByID", { userId });
}

const profile = { givenName: "Augusta", familyName: "King" };
const fresh = () => `fresh-${randomUUID()}@example.com`;

type Wish = readonly [name: string, method: MethodName, request: (of: Person) => JsonObject];

/** What takes `user.write`, even on one's own account. */
const REFUSED: readonly Wish[] = [
  ["SetEmail, return_code", "SetEmail", () => ({ email: fresh(), returnCode: {} })],
  ["SetEmail, is_verified", "SetEmail", () => ({ email: fresh(), isVerified: true })],
  [
    "SetEmail of the address that is set, is_verified",
    "SetEmail",
    ({ address }) => ({ email: address, isVerified: true }),
  ],
  ["SendEmailCode, return_code", "SendEmailCode", () => ({ returnCode: {} })],
  ["ResendEmailCode, return_code", "ResendEmailCode", () => ({ returnCode: {} })],
  ...(["UpdateHumanUser", "UpdateUser"] as const).flatMap((method): Wish[] => {
    const body = (human: JsonObject, rest_: JsonObject = {}) =>
      method === "UpdateUser" ? { human, ...rest_ } : { ...human, ...rest_ };
    return [
      [`${method}, return_code`, method, () => body({ email: { email: fresh(), returnCode: {} } })],
      [`${method}, is_verified`, method, () => body({ email: { email: fresh(), isVerified: true } })],
      [
        `${method} of the address that is set, is_verified (CVE-2026-27946)`,
        method,
        ({ address }) => body({ email: { email: address, isVerified: true } }),
      ],
      [
        `${method} of the address that is set, return_code`,
        method,
        ({ address }) => body({ email: { email: address, returnCode: {} } }),
      ],
      [
        `${method}, is_verified behind what is allowed`,
        method,
        ({ userId, address }) =>
          body({ profile, email: { email: address, isVerified: true } }, { username: `${userId}-renamed` }),
      ],
      [
        `${method}, the address in other letters, is_verified`,
        method,
        ({ address }) => body({ email: { email: address.toUpperCase(), isVerified: true } }),
      ],
    ];
  }),
  ["AddHumanUser with one's own id", "AddHumanUser", ({ address }) => newHuman(address)],
  [
    "AddHumanUser with another id",
    "AddHumanUser",
    ({ address }) => ({ ...newHuman(address), userId: randomUUID() }),
  ],
  ["CreateUser with one's own id", "CreateUser", ({ address }) => newUser(address)],
  [
    "CreateUser with another id",
    "CreateUser",
    ({ address }) => ({ ...newUser(address), userId: randomUUID() }),
  ],
  ["LockUser", "LockUser", () => ({})],
  ["DeactivateUser", "DeactivateUser", () => ({})],
  ["DeleteUser", "DeleteUser", () => ({})],
];

function newHuman(address: string): JsonObject {
  return {
    organization: { orgId: application.organizationId },
    profile,
    email: { email: address, isVerified: true },
  };
}

function newUser(address: string): JsonObject {
  return {
    organizationId: application.organizationId,
    human: { profile, email: { email: address, isVerified: true } },
  };
}

/** What everyone may do to their own account. It proves nothing. */
const ALLOWED: readonly Wish[] = [
  ["SetEmail, send_code", "SetEmail", () => ({ email: fresh(), sendCode: {} })],
  ["SetEmail, nothing set", "SetEmail", () => ({ email: fresh() })],
  ["SendEmailCode, send_code", "SendEmailCode", () => ({ sendCode: {} })],
  ["SendEmailCode, nothing set", "SendEmailCode", () => ({})],
  ["ResendEmailCode, send_code", "ResendEmailCode", () => ({ sendCode: {} })],
  [
    "UpdateHumanUser, send_code",
    "UpdateHumanUser",
    ({ userId }) => ({ username: `${userId}-u`, profile, email: { email: fresh(), sendCode: {} } }),
  ],
  [
    "UpdateHumanUser, is_verified false",
    "UpdateHumanUser",
    ({ address }) => ({ email: { email: address, isVerified: false } }),
  ],
  ["UpdateUser, send_code", "UpdateUser", () => ({ human: { email: { email: fresh(), sendCode: {} } } })],
  ["UpdateUser, profile alone", "UpdateUser", () => ({ human: { profile } })],
  ["GetUserByID", "GetUserByID", () => ({})],
];

describe.each([grpc, rest])("$name", (format) => {
  const served = (wishes: readonly Wish[]) =>
    wishes.filter(([, method]) => format === grpc || isServedOverRest(method));

  test.each(served(REFUSED))("%s takes user.write", async (_row, method, request) => {
    const person = await newPerson();
    // A code waits, so that there is something to resend.
    await asAdmin(application, "SendEmailCode", { userId: person.userId, returnCode: {} });
    const before = await lookAt(person.userId);
    const message = { userId: person.userId, ...request(person) };
    const answer = await ask(application, format, person.token, method, message);
    expect(answer.error).toEqual(refused(NO_ROLE));
    expect(await lookAt(person.userId)).toEqual(before);
    if (message.userId !== person.userId) {
      const { error } = await ask(application, grpc, application.token, "GetUserByID", {
        userId: message.userId,
      });
      expect(error?.code).toBe(5);
    }
  });

  test.each(served(ALLOWED))("%s is allowed, and proves nothing", async (_row, method, request) => {
    const person = await newPerson();
    await asAdmin(application, "SendEmailCode", { userId: person.userId, returnCode: {} });
    const message = { userId: person.userId, ...request(person) };
    const { error, message: reply } = await ask(application, format, person.token, method, message);
    expect(error).toBeUndefined();
    expect(JSON.stringify(reply)).not.toMatch(/code/i);
    expect((await emailOf(person.userId)).isVerified).toBe(false);
  });

  test.each(served([...ALLOWED, ...REFUSED]))(
    "%s: not on others' accounts",
    async (_row, method, request) => {
      const [person, other] = [await newPerson(), await newPerson()];
      await asAdmin(application, "SendEmailCode", { userId: other.userId, returnCode: {} });
      const before = await lookAt(other.userId);
      const message = { userId: other.userId, ...request(other) };
      const answer = await ask(application, format, person.token, method, message, {
        "x-zitadel-orgid": application.organizationId,
      });
      expect(answer.error).toEqual(refused(NO_ROLE));
      expect(await lookAt(other.userId)).toEqual(before);
    },
  );

  test("a mailed code verifies: the way that is left", async () => {
    const person = await newPerson();
    const address = fresh();
    const { error } = await ask(application, format, person.token, "SetEmail", {
      userId: person.userId,
      email: address,
    });
    expect(error).toBeUndefined();
    const { code } = await recorder.waitForMail(address);
    const verified = await ask(application, format, person.token, "VerifyEmail", {
      userId: person.userId,
      verificationCode: code,
    });
    expect(verified.error).toBeUndefined();
    expect(await emailOf(person.userId)).toEqual({ address, isVerified: true });
  });

  test.each<[string, (of: Person, address: string) => Promise<Answer>]>([
    [
      "SetEmail",
      ({ userId, token }, email) => ask(application, format, token, "SetEmail", { userId, email }),
    ],
    [
      "UpdateHumanUser",
      ({ userId, token }, email) =>
        ask(application, format, token, "UpdateHumanUser", { userId, email: { email, isVerified: false } }),
    ],
  ])("a code for one's own mailbox is worth nothing for another's: %s in between", async (_row, change) => {
    const person = await newPerson();
    const { userId, token, address } = person;
    await ask(application, format, token, "SendEmailCode", { userId });
    const { code } = await recorder.waitForMail(address);
    expect((await change(person, `victim-of-${userId}@example.com`)).error).toBeUndefined();
    const submit = () => ask(application, format, token, "VerifyEmail", { userId, verificationCode: code });
    expect((await submit()).error).toMatchObject({ code: 3 });
    expect((await emailOf(userId)).isVerified).toBe(false);
    // Nor once the address is the old one again.
    expect((await change(person, address)).error).toBeUndefined();
    expect((await submit()).error).toMatchObject({ code: 3 });
    expect(await emailOf(userId)).toEqual({ address, isVerified: false });
  });

  test("a code that verified one address does not, repeated, verify the next", async () => {
    const { userId, token, address } = await newPerson();
    await ask(application, format, token, "SendEmailCode", { userId });
    const { code } = await recorder.waitForMail(address);
    const submit = () => ask(application, format, token, "VerifyEmail", { userId, verificationCode: code });
    expect((await submit()).error).toBeUndefined();
    await ask(application, format, token, "SetEmail", { userId, email: fresh() });
    expect((await submit()).error).toMatchObject({ code: 3 });
    expect((await emailOf(userId)).isVerified).toBe(false);
  });

  test("a verification that races with a change of the address verifies the address that it was for", async () => {
    for (let round = 0; round < 5; round++) {
      const { userId, token, address } = await newPerson();
      await ask(application, format, token, "SendEmailCode", { userId });
      const { code } = await recorder.waitForMail(address);
      const victim = `victim-${round}-of-${userId}@example.com`;
      await Promise.all([
        ask(application, format, token, "VerifyEmail", { userId, verificationCode: code }),
        ask(application, format, token, "SetEmail", { userId, email: victim }),
        ask(application, format, token, "VerifyEmail", { userId, verificationCode: code }),
      ]);
      expect(await emailOf(userId)).toEqual({ address: victim, isVerified: false });
    }
  });

  test("guessing at another's code costs the guesser's own tries, not the person's", async () => {
    const [guesser, person] = [await newPerson(), await newPerson()];
    await ask(application, format, person.token, "SendEmailCode", { userId: person.userId });
    const { code } = await recorder.waitForMail(person.address);
    const submit = (token: string, verificationCode: string) =>
      ask(application, format, token, "VerifyEmail", { userId: person.userId, verificationCode });
    for (let tries = 0; tries < 5; tries++) {
      expect((await submit(guesser.token, "ZZZZZZ")).error).toEqual(refused(CODE_INVALID));
    }
    // Their tries are spent, so not even the right code is looked at; nor are they told that.
    expect((await submit(guesser.token, code)).error).toEqual(refused(CODE_INVALID));
    expect((await emailOf(person.userId)).isVerified).toBe(false);
    expect((await submit(person.token, code)).error).toBeUndefined();
    expect((await emailOf(person.userId)).isVerified).toBe(true);
  });

  test("an answer that was kept for somebody's Idempotency-Key is for nobody else", async () => {
    const { userId, token } = await newPerson();
    const key = { "idempotency-key": randomUUID() };
    const wish = { userId, returnCode: {} };
    const first = await ask(application, format, application.token, "SendEmailCode", wish, key);
    expect(textAt(first.message, "verificationCode")).toMatch(/^[A-Z0-9]{6}$/);
    const theirs = await ask(application, format, token, "SendEmailCode", wish, key);
    expect(theirs.error).toEqual(refused(NO_ROLE));
    expect(theirs.headers["idempotency-replayed"]).toBeUndefined();
    // Nor does a key that was used on one's own account open another's.
    const other = await newPerson();
    const own = await ask(application, format, token, "SendEmailCode", { userId }, key);
    expect(own.error).toBeUndefined();
    const elsewhere = await ask(application, format, token, "SendEmailCode", { userId: other.userId }, key);
    expect(elsewhere.error?.code).toBe(3);
    const replayed = await ask(application, format, token, "SendEmailCode", { userId }, key);
    expect(replayed.headers["idempotency-replayed"]).toBe("true");
  });

  test("lists show a person no one but themselves", async () => {
    const { userId, token } = await newPerson();
    const { message } = await ask(application, format, token, "ListUsers", {});
    expect(at(message, "result", 0, "userId")).toBe(userId);
    expect(at(message, "result", 1)).toBeUndefined();
  });
});

describe("REST paths", () => {
  test("the id in the path counts, whatever the body says", async () => {
    const [person, other] = [await newPerson(), await newPerson()];
    const before = await lookAt(other.userId);
    const { userId, token } = person;
    const send = (path: string, body: JsonObject) =>
      exchange(application, rest, token, {
        method: "POST",
        path,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const mine = await send(`/v2/users/${userId}/email`, {
      userId: other.userId,
      email: fresh(),
    });
    expect(mine.status).toBe(200);
    for (const spelling of [
      `/v2/users/${other.userId}/email`,
      `/v2/users/%70erson-${other.userId.slice("person-".length)}/email`,
    ]) {
      const theirs = await send(spelling, { userId, email: fresh() });
      expect([spelling, theirs.status]).toEqual([spelling, 404]);
    }
    expect(await lookAt(other.userId)).toEqual(before);
  });

  test.each([
    ["GET", "/countersign/v1/inbox/mails"],
    ["GET", "/countersign/v1/deliveries"],
    ["GET", "/countersign/v1/suppressions"],
    ["POST", "/countersign/v1/deliveries/test"],
    ["POST", "/countersign/v1/bounces"],
  ])("%s %s takes a role", async (method, path) => {
    const { token } = await newPerson();
    const { status, body } = await exchange(application, rest, token, {
      method,
      path,
      ...(method === "POST" && { body: "{}" }),
    });
    expect([status, body.toString()]).toEqual([404, expect.stringContaining("AUTHZ-cdgFk")]);
  });
});
