// The typed clients for browsers, against a running service: what they do by themselves around a call.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { createServer, type AddressInfo } from "node:net";
import { callFailure } from "../../src/client/call-failure.ts";
import { reasonOf } from "../../src/client/reason.ts";
import { verifyEmail, VerifyError } from "../../src/client/verify-email.ts";
import { createCountersignClient, type WebClientOptions } from "../../src/client/web-client.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";

jest.setTimeout(30_000);

const COOLDOWN_MS = 1_000;

let application: TestApplication;
/** Refuses codes that come too fast. */
let strict: TestApplication;
let users = 0;

beforeAll(async () => {
  application = await startTestApplication();
  strict = await startTestApplication({ env: { COUNTERSIGN_SEND_COOLDOWN: `${COOLDOWN_MS}ms` } });
});
afterAll(async () => {
  await application.stop();
  await strict.stop();
});

function clientOf(options: Partial<WebClientOptions> = {}, of = application) {
  return createCountersignClient({ url: of.url, token: of.token, ...options });
}

async function addUser(of = application): Promise<string> {
  users += 1;
  const { userId } = await clientOf({}, of).users.addHumanUser({
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: `user-${users}@example.com`, verification: { case: "isVerified", value: false } },
  });
  return userId;
}

const returnCode = { case: "returnCode", value: {} } as const;

async function rejection(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error("the call was not refused");
    },
    (error: unknown) => error,
  );
}

describe.each(["grpc-web", "connect"] as const)("over %s", (protocol) => {
  test("send, check, verify, look", async () => {
    const { users: service, verification } = clientOf({ protocol });
    const userId = await addUser();
    const { verificationCode } = await service.sendEmailCode({ userId, verification: returnCode });
    if (verificationCode === undefined) throw new Error("no code came back");
    const stranger = createCountersignClient({ url: application.url, protocol });
    const { maskedAddress } = await stranger.verification.checkCode({ userId, verificationCode });
    expect(maskedAddress).toBe("u***@example.com");
    await stranger.users.verifyEmail({ userId, verificationCode });
    const { status } = await verification.getEmailStatus({ userId });
    expect(status?.isVerified).toBe(true);
  });

  test("a refusal has its reason", async () => {
    const { users: service } = clientOf({ protocol });
    const userId = await addUser();
    await service.sendEmailCode({ userId, verification: returnCode });
    const error = await rejection(service.verifyEmail({ userId, verificationCode: "WRONG1" }));
    expect(reasonOf(error)).toBe("CODE_INVALID");
    expect(callFailure(error)).toMatchObject({ code: "invalid_argument", metadata: { attemptsLeft: "4" } });
  });

  test("the token is asked for at every try, and waits may be limited", async () => {
    const userId = await addUser(strict);
    let asked = 0;
    const token = () => {
      asked += 1;
      return Promise.resolve(strict.token);
    };
    const { users: service } = clientOf({ protocol, token }, strict);
    await service.sendEmailCode({ userId, verification: returnCode });
    expect(asked).toBe(1);
    const startedMs = performance.now();
    // Refused with RetryInfo for the rest of the cool-down, and sent again after it.
    await service.sendEmailCode({ userId, verification: returnCode });
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(performance.now() - startedMs).toBeLessThan(10_000);

    const impatient = clientOf({ protocol, retry: { maxAttempts: 5, maxDelayMs: 1 } }, strict);
    const error = await rejection(impatient.users.sendEmailCode({ userId, verification: returnCode }));
    expect(reasonOf(error)).toBe("SEND_COOLDOWN");
    expect(callFailure(error).retryAfterMs).toBeGreaterThan(1);
  });

  test("a call that sends is sent again when its answer is lost, and is carried out once", async () => {
    const userId = await addUser();
    const keys = new Set<string | null>();
    let lost = 0;
    const losing: typeof fetch = async (input, init) => {
      keys.add(new Headers(init?.headers).get("idempotency-key"));
      const response = await fetch(input, init);
      if (lost++ < 2) throw new TypeError("network error");
      return response;
    };
    const { users: service } = clientOf({ protocol, fetch: losing });
    const { details, verificationCode } = await service.sendEmailCode({ userId, verification: returnCode });
    expect(lost).toBe(3);
    expect([...keys]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(details?.sequence).toBe(2n);
    await service.verifyEmail({ userId, verificationCode: verificationCode ?? "" });
    expect(keys.has(null)).toBe(true);
  });

  test("a key of the caller's own is kept, and keys can be left out", async () => {
    const userId = await addUser();
    const keys: (string | null)[] = [];
    const watching: typeof fetch = (input, init) => {
      keys.push(new Headers(init?.headers).get("idempotency-key"));
      return fetch(input, init);
    };
    const send = (options: Partial<WebClientOptions>, headers = {}) =>
      clientOf({ protocol, fetch: watching, ...options }).users.sendEmailCode(
        { userId, verification: returnCode },
        { headers },
      );
    const first = await send({}, { "Idempotency-Key": `sign-up-${userId}` });
    const second = await send({}, { "Idempotency-Key": `sign-up-${userId}` });
    expect(second.verificationCode).toBe(first.verificationCode);
    await send({ idempotencyKeys: () => `made-for-${userId}` });
    await send({ idempotencyKeys: false });
    expect(keys).toEqual([`sign-up-${userId}`, `sign-up-${userId}`, `made-for-${userId}`, null]);
  });

  test("what may have been carried out, and has no key, is not sent again", async () => {
    let sent = 0;
    const losing: typeof fetch = () => {
      sent += 1;
      return Promise.reject(new TypeError("network error"));
    };
    const { users: service } = clientOf({ protocol, fetch: losing });
    const error = await rejection(service.verifyEmail({ userId: "ada", verificationCode: "CODE" }));
    expect(reasonOf(error)).toBeUndefined();
    expect(sent).toBe(1);
  });
});

describe("verifyEmail without a library", () => {
  test("verifies, and again; a wrong code is refused with its reason", async () => {
    const userId = await addUser();
    const { verificationCode = "" } = await clientOf().users.sendEmailCode({
      userId,
      verification: returnCode,
    });
    const wrong = await rejection(verifyEmail({ url: application.url, userId, verificationCode: "WRONG1" }));
    expect(wrong).toBeInstanceOf(VerifyError);
    expect(wrong).toMatchObject({
      status: 3,
      reason: "CODE_INVALID",
      message: "Code is invalid (COMMAND-eis9R)",
    });
    await verifyEmail({ url: application.url, userId, verificationCode });
    await verifyEmail({ url: application.url, userId, verificationCode });
    const { user } = await clientOf().users.getUserByID({ userId });
    expect(user?.type).toMatchObject({ case: "human", value: { email: { isVerified: true } } });
  });

  test("gives up after its time", async () => {
    const deaf = createServer().listen(0, "127.0.0.1");
    const { port } = await new Promise<AddressInfo>((resolve) => {
      deaf.once("listening", () => resolve(deaf.address() as AddressInfo));
    });
    const sockets: { destroy(): void }[] = [];
    deaf.on("connection", (socket) => sockets.push(socket));
    const call = verifyEmail({
      url: `http://127.0.0.1:${port}`,
      userId: "a",
      verificationCode: "b",
      timeoutMs: 100,
    });
    expect(await rejection(call)).toMatchObject({ status: undefined, cause: { name: "TimeoutError" } });
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });
});
