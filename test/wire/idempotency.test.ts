// Calls with an Idempotency-Key: sent a thousand times at once, again in another format, for another request, a day later.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { findings } from "../crash/encoded-forms.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { keepConnection } from "../support/kept-connection.ts";
import { exchangeHttp1, exchangeHttp2 } from "../support/raw-http.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import {
  at,
  connectProto,
  encodeMessage,
  formats,
  grpc,
  isServedOverRest,
  methodOf,
  procedurePath,
  rest,
  textAt,
  type Answer,
  type Format,
  type MethodName,
} from "../support/wire-formats.ts";

jest.setTimeout(60_000);

const DAY_MS = 86_400_000;
const CALLS = 1_000;
const CONNECTIONS = 20;
/** Long enough that no chance puts a code into random bytes. */
const CODE_LENGTH = 12;
const REUSED: Refusal = {
  code: 3,
  text: "Another request was made with this Idempotency-Key; nothing was executed",
  reason: "IDEMPOTENCY_KEY_REUSED",
};
const profile = { givenName: "Ada", familyName: "Lovelace" };

let application: TestApplication;
let clockOffsetMs = 0;
let users = 0;

beforeAll(async () => {
  application = await startTestApplication({
    env: { COUNTERSIGN_CODE_LENGTH: String(CODE_LENGTH) },
    sources: { nowMs: () => Date.now() + clockOffsetMs },
  });
});
afterAll(() => application.stop());
afterEach(() => expect(application.takeErrors()).toEqual([]));

/** @param key the header's value; absent for a call without */
function encode(format: Format, method: MethodName, message: JsonObject, key?: string) {
  const request = format.encode(method, message);
  const authorization = `Bearer ${application.token}`;
  return {
    ...request,
    headers: { ...request.headers, authorization, ...(key !== undefined && { "idempotency-key": key }) },
  };
}

async function ask(format: Format, method: MethodName, message: JsonObject, key?: string): Promise<Answer> {
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  return format.decode(method, await over(application, encode(format, method, message, key)));
}

interface Success {
  readonly message: JsonObject;
  readonly isReplay: boolean;
}

async function call(format: Format, method: MethodName, message: JsonObject, key?: string): Promise<Success> {
  return successOf(await ask(format, method, message, key));
}

function successOf({ message, error, headers }: Answer): Success {
  if (message === undefined) throw new Error(JSON.stringify(error));
  const header = headers["idempotency-replayed"];
  expect([undefined, "true"]).toContain(header);
  return { message: message as JsonObject, isReplay: header === "true" };
}

function newUser(): JsonObject {
  users += 1;
  return { profile, email: { email: `user-${users}@example.com`, isVerified: false } };
}

async function addUser(): Promise<string> {
  return textAt((await call(rest, "AddHumanUser", newUser())).message, "userId");
}

/** What the database holds of a user: the events that issue codes, and mails. */
async function recordOf(userId: string): Promise<{ readonly codes: number; readonly mails: number }> {
  return {
    codes: await countRows("events WHERE aggregate_id = ? AND type = 'user.human.email.code.added'", userId),
    mails: await countRows("outbox WHERE user_id = ?", userId),
  };
}

async function countRows(of: string, ...values: readonly string[]): Promise<number> {
  const [row] = await application.database.rows<{ count: number | string }>(
    `SELECT count(*) AS count FROM ${of}`,
    ...values,
  );
  // PostgreSQL counts in 64 bits, which its client hands out as text.
  return Number(row?.count);
}

test.each(formats)(
  `of ${CALLS} at once over $name, one does the work, and all have its answer`,
  async (format) => {
    const userId = await addUser();
    const key = randomUUID();
    const connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => keepConnection(application, format)),
    );
    const request = encode(format, "SendEmailCode", { userId, sendCode: {} }, key);
    const answers = await Promise.all(
      Array.from({ length: CALLS }, async (_, n) => {
        const answer = await connections[n % CONNECTIONS]?.exchange(request);
        if (answer === undefined) throw new Error("no connection");
        // keepHttp1 has no trailers to show, and needs none.
        return successOf(format.decode("SendEmailCode", answer));
      }),
    );
    for (const connection of connections) connection.close();
    expect(new Set(answers.map(({ message }) => JSON.stringify(message)))).toHaveProperty("size", 1);
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect(await recordOf(userId)).toEqual({ codes: 1, mails: 1 });
  },
);

const everyPair = formats.flatMap((first) =>
  formats.map((then) => [first.name, then.name, first, then] as const),
);

test.each(everyPair)("a call over %s is repeated over %s", async (_first, _then, first, then) => {
  const userId = await addUser();
  const key = randomUUID();
  const original = await call(first, "SendEmailCode", { userId, returnCode: {} }, key);
  expect(original.isReplay).toBe(false);
  expect(textAt(original.message, "verificationCode")).toHaveLength(CODE_LENGTH);
  const repeated = await call(then, "SendEmailCode", { userId, returnCode: {} }, key);
  expect(repeated).toEqual({ message: original.message, isReplay: true });
  expect(await recordOf(userId)).toEqual({ codes: 1, mails: 0 });
});

test("a compressed request, which connect-node serves, is the same request", async () => {
  const userId = await addUser();
  const key = randomUUID();
  const original = await call(rest, "SendEmailCode", { userId }, key);
  const body = gzipSync(encodeMessage(methodOf("SendEmailCode").input, { userId }));
  const request = {
    ...encode(connectProto, "SendEmailCode", { userId }, key),
    path: procedurePath("SendEmailCode"),
    body,
  };
  const headers = { ...request.headers, "content-encoding": "gzip" };
  const answer = await exchangeHttp1(application, { ...request, headers });
  expect(successOf(connectProto.decode("SendEmailCode", answer))).toEqual({ ...original, isReplay: true });
  expect(await recordOf(userId)).toEqual({ codes: 1, mails: 1 });
});

describe.each([grpc, rest])("every method over $name", (format) => {
  test.each([
    ["SetEmail", { email: "other@example.com", returnCode: {} }],
    ["SendEmailCode", { returnCode: {} }],
    ["ResendEmailCode", { returnCode: {} }],
  ] as const)("%s", async (method, message) => {
    const userId = await addUser();
    await call(rest, "SendEmailCode", { userId });
    const key = randomUUID();
    const original = await call(format, method, { userId, ...message }, key);
    expect(await call(format, method, { userId, ...message }, key)).toEqual({ ...original, isReplay: true });
    expect((await recordOf(userId)).codes).toBe(2);
  });

  test("AddHumanUser: the id that was made comes back, and no second user is made", async () => {
    const key = randomUUID();
    const email = { email: `keyed-${key}@example.com`, returnCode: {} };
    const original = await call(format, "AddHumanUser", { profile, email }, key);
    expect(original.isReplay).toBe(false);
    const repeated = await call(format, "AddHumanUser", { profile, email }, key);
    expect(repeated).toEqual({ message: original.message, isReplay: true });
    expect(textAt(repeated.message, "emailCode")).toHaveLength(CODE_LENGTH);
  });

  test("CreateUser", async () => {
    const served = isServedOverRest("CreateUser") ? format : grpc;
    const key = randomUUID();
    const human = { profile, email: { email: `keyed-${key}@example.com`, returnCode: {} } };
    const message = { organizationId: application.organizationId, human };
    const original = await call(served, "CreateUser", message, key);
    const repeated = await call(served, "CreateUser", message, key);
    expect(repeated).toEqual({ message: original.message, isReplay: true });
    expect(textAt(repeated.message, "id")).not.toBe("");
  });
});

describe.each([grpc, rest])("over $name", (format) => {
  test("another request under the key is refused", async () => {
    const userId = await addUser();
    const key = randomUUID();
    await call(format, "SendEmailCode", { userId }, key);
    for (const other of [{ userId, returnCode: {} }, { userId: await addUser() }]) {
      expect((await ask(format, "SendEmailCode", other, key)).error).toEqual(refused(REUSED));
    }
    expect(await recordOf(userId)).toEqual({ codes: 1, mails: 1 });
  });

  test("each method has keys of its own", async () => {
    const userId = await addUser();
    const key = randomUUID();
    await call(format, "SendEmailCode", { userId }, key);
    expect((await call(format, "ResendEmailCode", { userId }, key)).isReplay).toBe(false);
    expect(await recordOf(userId)).toEqual({ codes: 2, mails: 2 });
  });

  test("a refusal is not kept", async () => {
    const key = randomUUID();
    const userId = `later-${key}`;
    expect((await ask(format, "SendEmailCode", { userId }, key)).error?.code).toBe(5);
    await call(rest, "AddHumanUser", { userId, ...newUser() });
    expect((await call(format, "SendEmailCode", { userId }, key)).isReplay).toBe(false);
  });

  test.each([
    ["nothing", ""],
    ["more than 255 characters", "k".repeat(256)],
    ["a space", "two words"],
    ["two keys", "one, two"],
    ["more than ASCII", "sch\u00fcssel"],
  ])("no key: %s", async (_what, key) => {
    const userId = await addUser();
    const { error } = await ask(format, "SendEmailCode", { userId }, key);
    expect(error).toEqual(
      refused({
        code: 3,
        text: "The Idempotency-Key is not 1 to 255 visible ASCII characters",
        reason: "IDEMPOTENCY_KEY_INVALID",
        field: ["idempotency-key", "takes 1 to 255 visible ASCII characters"],
      }),
    );
    expect(await recordOf(userId)).toEqual({ codes: 0, mails: 0 });
  });

  test.each(["k", `!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`, "k".repeat(255)])("a key: %s", async (key) => {
    const userId = await addUser();
    const unique = (key + randomUUID()).slice(-255);
    await call(format, "SendEmailCode", { userId }, unique);
    expect((await call(format, "SendEmailCode", { userId }, unique)).isReplay).toBe(true);
  });

  test("other methods take no notice of the header", async () => {
    const userId = await addUser();
    const key = randomUUID();
    const { message } = await call(rest, "SendEmailCode", { userId, returnCode: {} });
    const verificationCode = textAt(message, "verificationCode");
    for (const unusable of [key, key, "no key"]) {
      const verified = await call(format, "VerifyEmail", { userId, verificationCode }, unusable);
      expect(verified.isReplay).toBe(false);
    }
  });
});

test("a new user's organization may come from a header: it is part of the request", async () => {
  const key = randomUUID();
  const message = newUser();
  const request = encode(rest, "AddHumanUser", message, key);
  const send = async (organizationId: string) => {
    const headers = { ...request.headers, "x-zitadel-orgid": organizationId };
    return rest.decode("AddHumanUser", await exchangeHttp1(application, { ...request, headers }));
  };
  expect(successOf(await send(application.organizationId)).isReplay).toBe(false);
  // The caller's own organization is what a call without the header is for.
  expect((await call(rest, "AddHumanUser", message, key)).isReplay).toBe(true);
});

test("after a day the key is fresh again", async () => {
  const userId = await addUser();
  const key = randomUUID();
  await call(rest, "SendEmailCode", { userId, returnCode: {} }, key);
  try {
    clockOffsetMs = DAY_MS - 60_000;
    expect((await call(rest, "SendEmailCode", { userId, returnCode: {} }, key)).isReplay).toBe(true);
    clockOffsetMs = DAY_MS;
    expect((await call(rest, "SendEmailCode", { userId }, key)).isReplay).toBe(false);
  } finally {
    clockOffsetMs = 0;
  }
  expect(await recordOf(userId)).toEqual({ codes: 2, mails: 1 });
});

test("the code that comes back is the one that works", async () => {
  const userId = await addUser();
  const key = randomUUID();
  await call(grpc, "SendEmailCode", { userId, returnCode: {} }, key);
  const { message } = await call(rest, "SendEmailCode", { userId, returnCode: {} }, key);
  const verificationCode = textAt(message, "verificationCode");
  await call(rest, "VerifyEmail", { userId, verificationCode });
  const { message: user } = await call(rest, "GetUserByID", { userId });
  expect(at(user, "user", "human", "email", "isVerified")).toBe(true);
});

test("neither key nor code is on disk in clear", async () => {
  const userId = await addUser();
  const key = `K${randomUUID()}`;
  const { message } = await call(rest, "SendEmailCode", { userId, returnCode: {} }, key);
  await call(rest, "SendEmailCode", { userId, returnCode: {} }, key);
  const secrets = new Map([
    ["the key", key],
    ["the code", textAt(message, "verificationCode")],
  ]);
  expect(findings(await application.database.contents(), secrets)).toEqual([]);
  // The search does see what is there.
  const kept = new Map([["the user's id", userId]]);
  expect(findings(await application.database.contents(), kept)).not.toEqual([]);
  const rows = await application.database.rows(
    "SELECT sealed_code FROM kept_replies WHERE user_id = ?",
    userId,
  );
  expect(rows).toEqual([{ sealed_code: expect.stringMatching(/^[0-9a-f]{16}\.[A-Za-z0-9+/]+=*#\d+$/) }]);
});

test("a call without the header keeps nothing", async () => {
  const count = () => countRows("kept_replies");
  const before = await count();
  const userId = await addUser();
  const first = await call(grpc, "SendEmailCode", { userId });
  const second = await call(grpc, "SendEmailCode", { userId });
  expect([first.isReplay, second.isReplay]).toEqual([false, false]);
  expect(await recordOf(userId)).toEqual({ codes: 2, mails: 2 });
  expect(await count()).toBe(before);
});
