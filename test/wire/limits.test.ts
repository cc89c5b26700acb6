// Guessing at codes over the wire: floods from many connections, by one stranger, by many, by one who also has codes
// sent; and what people may do with their code without being taken for any of them.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { keepConnection, type KeptConnection } from "../support/kept-connection.ts";
import { fingerprint } from "../support/raw-http.ts";
import { refused } from "../support/refusals.ts";
import { addUser, asAdmin, ask, eventsOf, newCode } from "../support/user-service-calls.ts";
import { at, formats, grpc, rest, textAt, type Answer, type Format } from "../support/wire-formats.ts";

jest.setTimeout(120_000);

const DAY_MS = 86_400_000;
const GUESSES = 10_000;
const CONNECTIONS = 64;
/** The defaults of COUNTERSIGN_CODE_MAX_ATTEMPTS, ten times that, and COUNTERSIGN_FAILURES_PER_DAY. */
const TRIES_PER_CLIENT = 5;
const TRIES_PER_CODE = 50;
const FAILURES_PER_DAY = 100;
const CODE_TEXT = { code: 3, text: "Code is invalid", id: "COMMAND-eis9R" } as const;

// A machine may have 127.0.0.1 alone.
const fromManyAddresses = process.platform === "linux" ? test : test.skip;

let application: TestApplication;
let clockOffsetMs = 0;

beforeAll(async () => {
  application = await startTestApplication({ sources: { nowMs: () => Date.now() + clockOffsetMs } });
});
afterAll(() => application.stop());
afterEach(() => expect(application.takeErrors()).toEqual([]));

/** As a calling service does. */
function submit(
  format: Format,
  userId: string,
  verificationCode: string,
  to: TestApplication = application,
): Promise<Answer> {
  return ask(to, format, to.token, "VerifyEmail", { userId, verificationCode });
}

/** A code of the default alphabet for each number, another than `code`. */
function guess(n: number, code: string): string {
  const symbols = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const text = Array.from({ length: 6 }, (_, place) => symbols[Math.floor(n / 32 ** place) % 32]).join("");
  return text === code ? guess(n + GUESSES, code) : text;
}

interface Flood {
  /** How many; default `GUESSES`. */
  readonly guesses?: number;
  /** The local address of a connection. */
  readonly addressOf?: (connection: number) => string;
  /** Called before each guess with its number. */
  readonly before?: (n: number) => Promise<void>;
}

/**
 * Anonymous guesses at one user's code, as fast as they are answered.
 *
 * @returns the different answers that came, as their bytes
 */
async function flood(
  format: Format,
  userId: string,
  code: string,
  { guesses = GUESSES, addressOf, before }: Flood = {},
): Promise<ReadonlySet<string>> {
  const connections: KeptConnection[] = [];
  for (let n = 0; n < CONNECTIONS; n += 1) {
    connections.push(await keepConnection(application, format, addressOf?.(n)));
  }
  const answers = new Set<string>();
  let next = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (next < guesses) {
        const n = next++;
        await before?.(n);
        const verificationCode = guess(n, code);
        const answer = await connection.exchange(format.encode("VerifyEmail", { userId, verificationCode }));
        answers.add(fingerprint(answer));
      }
    }),
  );
  for (const connection of connections) connection.close();
  return answers;
}

describe.each([rest, grpc])(`guesses from ${CONNECTIONS} connections, $name`, (format) => {
  test("10,000 by one stranger: five are compared, and the person still verifies", async () => {
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    const startedMs = performance.now();
    expect([...(await flood(format, userId, code))]).toHaveLength(1);
    expect(performance.now() - startedMs).toBeLessThan(60_000);
    expect(await eventsOf(application, userId)).toBe(2 + TRIES_PER_CLIENT);

    const { error } = await submit(format, userId, code);
    expect(error).toBeUndefined();
    const found = await asAdmin(application, "GetUserByID", { userId });
    expect(at(found, "user", "human", "email", "isVerified")).toBe(true);
  });

  fromManyAddresses("by as many strangers: fifty are compared, and a new code verifies", async () => {
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    const addressOf = (n: number) => `127.0.1.${n + 1}`;
    expect([...(await flood(format, userId, code, { addressOf, guesses: 1_000 }))]).toHaveLength(1);
    expect(await eventsOf(application, userId)).toBe(2 + TRIES_PER_CODE);

    const spent = await submit(format, userId, code);
    expect(spent.error).toEqual(
      refused({ ...CODE_TEXT, reason: "CODE_USED_UP", metadata: { limit: "code" } }),
    );
    const verificationCode = await newCode(application, userId);
    expect((await submit(format, userId, verificationCode)).error).toBeUndefined();
  });

  fromManyAddresses(
    "10,000 by strangers who have codes sent: a hundred are compared until the next day",
    async () => {
      const userId = await addUser(application);
      let code = await newCode(application, userId);
      let sent = 1;
      const before = async (n: number) => {
        if (n % 100 !== 99) return;
        sent += 1;
        code = await newCode(application, userId);
      };
      const addressOf = (n: number) => `127.0.2.${n + 1}`;
      expect([...(await flood(format, userId, code, { addressOf, before }))]).toHaveLength(1);
      expect(await eventsOf(application, userId)).toBe(1 + sent + FAILURES_PER_DAY);

      const { error, httpStatus } = await submit(format, userId, await newCode(application, userId));
      expect(httpStatus).toBe(format.statusOf(3));
      const [detail, info, retry, quota, ...more] = error?.details ?? [];
      expect({ ...error, details: [detail, info] }).toEqual(
        refused({ ...CODE_TEXT, reason: "CODE_USED_UP", metadata: { limit: "address" } }),
      );
      expect(retry?.["@type"]).toBe("google.rpc.RetryInfo");
      const waitSeconds = Number.parseFloat(textAt(retry, "retryDelay"));
      expect(waitSeconds).toBeGreaterThan(86_000);
      expect(waitSeconds).toBeLessThanOrEqual(86_400);
      expect(quota).toEqual({
        "@type": "google.rpc.QuotaFailure",
        violations: [
          {
            subject: `user:${userId}/email`,
            description: `${FAILURES_PER_DAY} wrong tries per address and day`,
          },
        ],
      });
      expect(more).toEqual([]);

      clockOffsetMs += DAY_MS;
      const verificationCode = await newCode(application, userId);
      expect((await submit(format, userId, verificationCode)).error).toBeUndefined();
    },
  );

  test("at a user without a code: no event at all", async () => {
    const userId = await addUser(application);
    expect([...(await flood(format, userId, "", { guesses: 1_000 }))]).toHaveLength(1);
    expect(await eventsOf(application, userId)).toBe(1);
  });
});

describe.each(formats)("what people may do, $name", (format) => {
  const verify = (userId: string, verificationCode: string) => submit(format, userId, verificationCode);

  test("the same code again: the same answer, and no event", async () => {
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    const first = await verify(userId, code);
    expect(at(first.message, "details", "sequence")).toBe("3");
    for (const spelled of [code, ` ${code.toLowerCase()}`]) {
      const again = await verify(userId, spelled);
      expect(again.message).toEqual(first.message);
    }
    expect(await eventsOf(application, userId)).toBe(3);
  });

  test("the same code again, something newer having happened: refused, with the reason", async () => {
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    await verify(userId, code);
    await newCode(application, userId);
    const { error } = await verify(userId, code);
    expect(error).toEqual(refused({ ...CODE_TEXT, reason: "CODE_ALREADY_USED" }));
  });

  test.each([
    ["small letters", (code: string) => code.toLowerCase()],
    ["groups", (code: string) => `${code.slice(0, 3)} ${code.slice(3)}`],
    ["dashes, and no-break spaces around", (code: string) => `\u00a0${code.split("").join("\u2013")}\u00a0`],
  ])("spell the code in %s", async (_how, spell) => {
    const userId = await addUser(application);
    const { error } = await verify(userId, spell(await newCode(application, userId)));
    expect(error).toBeUndefined();
  });

  test("learn how many tries are left", async () => {
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    for (const attemptsLeft of ["4", "3", "2", "1", "0"]) {
      const { error } = await verify(userId, guess(0, code));
      expect(error).toEqual(refused({ ...CODE_TEXT, reason: "CODE_INVALID", metadata: { attemptsLeft } }));
    }
    const { error } = await verify(userId, code);
    expect(error).toEqual(refused({ ...CODE_TEXT, reason: "CODE_USED_UP", metadata: { limit: "client" } }));
  });
});

describe("COUNTERSIGN_LIVE_CODES=2", () => {
  let overlapping: TestApplication;
  beforeAll(async () => {
    overlapping = await startTestApplication({ env: { COUNTERSIGN_LIVE_CODES: "2" } });
  });
  afterAll(() => overlapping.stop());

  test.each([rest, grpc])(
    "the code before the newest verifies, the one before it does not ($name)",
    async (format) => {
      const userId = await addUser(overlapping);
      const codes: string[] = [];
      for (let n = 0; n < 3; n += 1) codes.push(await newCode(overlapping, userId));
      const [first = "", second = "", third = ""] = codes;
      const verify = (verificationCode: string) => submit(format, userId, verificationCode, overlapping);
      const superseded = refused({ ...CODE_TEXT, reason: "CODE_SUPERSEDED" });
      expect((await verify(first)).error).toEqual(superseded);
      expect((await verify(second)).error).toBeUndefined();
      expect((await verify(third)).error).toEqual(superseded);
    },
  );

  test.each([rest, grpc])("they share one budget of tries ($name)", async (format) => {
    const userId = await addUser(overlapping);
    const first = await newCode(overlapping, userId);
    const verify = (verificationCode: string) => submit(format, userId, verificationCode, overlapping);
    for (let tries = 0; tries < 3; tries += 1) await verify(guess(0, first));
    const second = await newCode(overlapping, userId);
    for (const attemptsLeft of ["1", "0"]) {
      const { error } = await verify(guess(0, second));
      expect(error).toEqual(refused({ ...CODE_TEXT, reason: "CODE_INVALID", metadata: { attemptsLeft } }));
    }
    for (const code of [first, second]) {
      const { error } = await verify(code);
      const [, info] = error?.details ?? [];
      expect(info).toMatchObject({ reason: "CODE_USED_UP", metadata: { limit: "client" } });
    }
  });
});
