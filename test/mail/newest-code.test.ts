// The newest code is always mailed, and no older one leaves once the command that replaced it was answered
// (zitadel issue 12072: two codes 124 ms apart, and only the dead one arrives).
import { afterEach, expect, test } from "@jest/globals";
import { RecordingRelay, type Transaction } from "../support/recording-relay.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";

const ROUNDS = 500;
const AT_ONCE = 10;
/** Two sockets that become readable in one turn of the event loop are read in any order. */
const ONE_TURN_MS = 20;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(): Promise<{ relay: RecordingRelay; client: Client }> {
  const relay = await RecordingRelay.start();
  closing.push(() => relay.stop());
  const application = await startTestApplication({ env: { COUNTERSIGN_SMTP_URL: relay.url } });
  closing.push(() => application.stop());
  return { relay, client: new Client(application) };
}

class Client {
  readonly #application: TestApplication;

  constructor(application: TestApplication) {
    this.#application = application;
  }

  async addUser(userId: string): Promise<void> {
    await this.#post("/v2/users/human", {
      userId,
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: `${userId}@example.org`, isVerified: false },
    });
  }

  /** @returns the sequence of the code's event, and when the answer was here, in milliseconds since the Unix epoch */
  async sendCode(userId: string): Promise<{ sequence: number; answeredMs: number }> {
    const reply = await this.#post(`/v2/users/${userId}/email/send`, { sendCode: {} });
    const answeredMs = performance.timeOrigin + performance.now();
    return { sequence: Number((reply as { details: { sequence: string } }).details.sequence), answeredMs };
  }

  async verify(userId: string, verificationCode: string): Promise<boolean> {
    const response = await this.#fetch(`/v2/users/${userId}/email/verify`, { verificationCode });
    await response.arrayBuffer();
    return response.ok;
  }

  async #post(path: string, body: object): Promise<unknown> {
    const response = await this.#fetch(path, body);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  #fetch(path: string, body: object): Promise<Response> {
    const { url, token } = this.#application;
    return fetch(url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }
}

function mailsTo(relay: RecordingRelay, userId: string): Transaction[] {
  return relay.transactions.filter(({ recipient }) => recipient === `${userId}@example.org`);
}

/** Looks after every step of the relay. */
async function until(relay: RecordingRelay, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise<void>((resolve) => {
      const before = relay.at;
      relay.at = (point, transaction) => {
        relay.at = before;
        // After the relay has noted the step.
        setImmediate(resolve);
        return before(point, transaction);
      };
    });
  }
}

test.each(["connect", "mail"] as const)(
  "while the relay holds its answer at %s, two codes are made: only the newest leaves",
  async (heldAt) => {
    const { relay, client } = await start();
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    relay.at = (point) => {
      if (point !== heldAt) return;
      reached.resolve();
      return held.promise;
    };
    // At MAIL FROM, all five connections are held by mails to others.
    for (let other = 0; other < 5; other++) {
      await client.addUser(`other-${other}`);
      await client.sendCode(`other-${other}`);
    }
    await reached.promise;
    if (heldAt === "mail") await until(relay, () => relay.transactions.length === 5);
    await client.addUser("ada");
    await client.sendCode("ada");
    await client.sendCode("ada");
    held.resolve();
    await until(relay, () => relay.accepted.some(({ recipient }) => recipient === "ada@example.org"));
    // Whatever was to leave before the newest has left by now: mails leave in the order of their rows.
    const mails = mailsTo(relay, "ada");
    expect(mails).toHaveLength(1);
    expect(await client.verify("ada", mails[0]?.code ?? "")).toBe(true);
  },
);

test(`${ROUNDS} rounds of two commands at the same moment`, async () => {
  const { relay, client } = await start();
  const users = Array.from({ length: AT_ONCE }, (_, index) => `user-${index}`);
  for (const userId of users) await client.addUser(userId);
  const late: unknown[] = [];

  async function play(userId: string): Promise<void> {
    const known = mailsTo(relay, userId).length;
    const answers = await Promise.all([client.sendCode(userId), client.sendCode(userId)]);
    const [newest] = answers.toSorted((a, b) => b.sequence - a.sequence);
    const fresh = () => mailsTo(relay, userId).slice(known);
    const accepted = () => fresh().filter(({ isAccepted }) => isAccepted);
    // The newest is the last that leaves: an older one may have been quicker than its successor.
    for (let looked = 0, isLive = false; !isLive;) {
      await until(relay, () => accepted().length > looked);
      looked = accepted().length;
      isLive = await client.verify(userId, accepted().at(-1)?.code ?? "");
    }
    for (const older of fresh().slice(0, -1)) {
      if (older.startedMs > (newest?.answeredMs ?? 0) + ONE_TURN_MS) late.push({ userId, older, newest });
    }
  }

  await Promise.all(
    users.map(async (userId) => {
      for (let round = 0; round < ROUNDS / AT_ONCE; round++) await play(userId);
    }),
  );
  expect(late).toEqual([]);
}, 120_000);
