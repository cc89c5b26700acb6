// What a stranger learns from VerifyEmail by watching answers and the clock: nothing about whom it asked for.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { keepConnection } from "../support/kept-connection.ts";
import { exchangeHttp1, fingerprint } from "../support/raw-http.ts";
import { timingTell, type TimingTell } from "../support/timing-tell.ts";
import { addUser, asAdmin, newCode } from "../support/user-service-calls.ts";
import { grpc, rest, type Format } from "../support/wire-formats.ts";

jest.setTimeout(120_000);

const CODE_TTL_MS = 3_600_000;
/** A client has this many wrong tries at a code. */
const TRIES = 5;
const USERS_PER_KIND = 60;
const SAMPLES_PER_KIND = USERS_PER_KIND * TRIES;
/** A tell that is there shows every time; a busy machine does not look the same three times. */
const BATCHES = 3;
const MOST_MEDIAN_RATIO = 1.1;
const MOST_GUESSED_RIGHT = 0.6;

let application: TestApplication;
let clockOffsetMs = 0;
let strangers = 0;

beforeAll(async () => {
  application = await startTestApplication({ sources: { nowMs: () => Date.now() + clockOffsetMs } });
});
afterAll(() => application.stop());

async function userWithCode(): Promise<{ userId: string; code: string }> {
  const userId = await addUser(application);
  return { userId, code: await newCode(application, userId) };
}

interface Guess extends JsonObject {
  readonly userId: string;
  readonly verificationCode: string;
}

const WRONG = "AAAAAA";

/** What a stranger may ask about, each a submission that is refused. */
const KINDS: Readonly<Record<string, () => Promise<Guess>>> = {
  "an expired code": async () => {
    const { userId, code } = await userWithCode();
    return { userId, verificationCode: code };
  },
  "a wrong code": async () => ({ userId: (await userWithCode()).userId, verificationCode: WRONG }),
  "a wrong code of a locked user": async () => {
    const { userId } = await userWithCode();
    await asAdmin(application, "LockUser", { userId });
    return { userId, verificationCode: WRONG };
  },
  "a superseded code": async () => {
    const { userId, code } = await userWithCode();
    await newCode(application, userId);
    return { userId, verificationCode: code };
  },
  "a code that is used up": async () => {
    const { userId, code } = await userWithCode();
    const request = rest.encode("VerifyEmail", { userId, verificationCode: WRONG });
    for (let tries = 0; tries < TRIES; tries += 1) await exchangeHttp1(application, request);
    return { userId, verificationCode: code };
  },
  "a verified user": async () => {
    const { userId, code } = await userWithCode();
    await asAdmin(application, "VerifyEmail", { userId, verificationCode: code });
    return { userId, verificationCode: WRONG };
  },
  "a user without a code": async () => ({ userId: await addUser(application), verificationCode: WRONG }),
  "a deleted user": async () => {
    const { userId } = await userWithCode();
    await asAdmin(application, "DeleteUser", { userId });
    return { userId, verificationCode: WRONG };
  },
  "an unknown user": async () => {
    strangers += 1;
    return { userId: `${400_000_000_000_000_000 + strangers}`, verificationCode: WRONG };
  },
};
const REFERENCE = "a wrong code";

interface Batch {
  /** In milliseconds, in the order of the calls. */
  readonly times: ReadonlyMap<string, readonly number[]>;
  /** The different answers that came. */
  readonly answers: ReadonlySet<string>;
}

/** @param delayMs what a kind takes longer than it does, for the tell that has to be found */
async function sample(format: Format, delayMs: Readonly<Record<string, number>> = {}): Promise<Batch> {
  const guesses = new Map<string, Guess[]>();
  for (const [kind, make] of Object.entries(KINDS)) {
    guesses.set(kind, await Promise.all(Array.from({ length: USERS_PER_KIND }, make)));
    if (kind === "an expired code") clockOffsetMs += CODE_TTL_MS + 1;
  }
  const times = new Map([...guesses.keys()].map((kind): [string, number[]] => [kind, []]));
  const answers = new Set<string>();
  const connection = await keepConnection(application, format);
  try {
    const warmUp = format.encode("VerifyEmail", { userId: "nobody", verificationCode: WRONG });
    for (let calls = 0; calls < 300; calls += 1) await connection.exchange(warmUp);
    for (let round = 0; round < SAMPLES_PER_KIND; round += 1) {
      for (const kind of shuffled([...guesses.keys()])) {
        const guess = guesses.get(kind)?.[round % USERS_PER_KIND];
        if (guess === undefined) throw new Error(`no guess of ${kind}`);
        const request = format.encode("VerifyEmail", guess);
        const startedMs = performance.now();
        const answer = await connection.exchange(request);
        if (delayMs[kind] !== undefined) spin(delayMs[kind]);
        times.get(kind)?.push(performance.now() - startedMs);
        answers.add(fingerprint(answer));
      }
    }
  } finally {
    connection.close();
  }
  return { times, answers };
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

/** Timers are coarser than what is to be found. */
function spin(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

function tellsOf({ times }: Batch): Map<string, TimingTell> {
  const reference = times.get(REFERENCE) ?? [];
  const others = [...times].filter(([kind]) => kind !== REFERENCE);
  return new Map(others.map(([kind, measured]) => [kind, timingTell(reference, measured)]));
}

function isTold({ medianRatio, guessedRight }: TimingTell): boolean {
  return medianRatio > MOST_MEDIAN_RATIO || guessedRight > MOST_GUESSED_RIGHT;
}

describe.each([rest, grpc])("anonymous VerifyEmail, $name", (format) => {
  test("no answer and no time tells users apart", async () => {
    let suspects = Object.keys(KINDS);
    for (let batch = 1; batch <= BATCHES && suspects.length > 0; batch += 1) {
      const sampled = await sample(format);
      expect([...sampled.answers]).toHaveLength(1);
      const tells = tellsOf(sampled);
      suspects = suspects.filter((kind) => {
        const tell = tells.get(kind);
        return tell !== undefined && isTold(tell);
      });
    }
    expect(suspects).toEqual([]);
  });

  test("a millisecond more would be found", async () => {
    const told = tellsOf(await sample(format, { "an unknown user": 1 })).get("an unknown user");
    expect(told?.guessedRight).toBeGreaterThan(MOST_GUESSED_RIGHT);
    expect(told?.medianRatio).toBeGreaterThan(MOST_MEDIAN_RATIO);
  });
});
