// The typed clients over a connection that breaks: what was watched goes on, what was sent is sent once.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { callFailure } from "../../src/client/call-failure.ts";
import { createCountersignClient as createNodeClient } from "../../src/client/node-client.ts";
import { watchEmail } from "../../src/client/watch-email.ts";
import { createCountersignClient as createWebClient } from "../../src/client/web-client.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { openBreakableWay, type BreakableWay } from "../support/breakable-way.ts";

jest.setTimeout(30_000);

let application: TestApplication;
let way: BreakableWay;
let users = 0;

beforeAll(async () => {
  application = await startTestApplication();
});
afterAll(() => application.stop());
beforeEach(async () => {
  way = await openBreakableWay(application.port);
});
afterEach(() => way.close());

const returnCode = { case: "returnCode", value: {} } as const;

interface Clients extends Pick<ReturnType<typeof createNodeClient>, "users" | "verification"> {
  readonly close: () => void;
}

const CLIENTS: Readonly<Record<string, (url: string, token: string) => Clients>> = {
  "gRPC in Node": (url, token) => createNodeClient({ url, token }),
  "gRPC-Web": (url, token) => ({ ...createWebClient({ url, token }), close: () => {} }),
  Connect: (url, token) => ({ ...createWebClient({ url, token, protocol: "connect" }), close: () => {} }),
};

describe.each(Object.entries(CLIENTS))("%s", (_name, create) => {
  let client: Clients;
  let userId: string;
  beforeEach(async () => {
    client = create(way.url, application.token);
    users += 1;
    ({ userId } = await client.users.addHumanUser({
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: `user-${users}@example.com`, verification: { case: "isVerified", value: false } },
    }));
  });
  afterEach(() => client.close());

  test("watchEmail goes on after a break, and ends when the address is verified", async () => {
    const { verificationCode = "" } = await client.users.sendEmailCode({ userId, verification: returnCode });
    const direct = create(application.url, application.token);
    const seen: boolean[] = [];
    const breaks: string[] = [];
    const onBreak = ({ code }: { code: string }) => breaks.push(code);
    for await (const { isVerified } of watchEmail(client, userId, { onBreak })) {
      seen.push(isVerified);
      if (isVerified) continue;
      way.breakNow();
      await direct.users.verifyEmail({ userId, verificationCode });
    }
    expect(seen).toEqual([false, true]);
    expect(breaks).toHaveLength(1);
    direct.close();
  });

  test("watchEmail lets go of the service when its reader leaves, or its signal is given", async () => {
    for await (const { isVerified } of watchEmail(client, userId)) {
      expect(isVerified).toBe(false);
      break;
    }
    const end = new AbortController();
    for await (const { isVerified } of watchEmail(client, userId, { signal: end.signal })) {
      expect(isVerified).toBe(false);
      end.abort();
    }
  });

  test("watchEmail throws what no repetition helps against", async () => {
    const failure = await watchEmail(client, "nobody")
      .next()
      .then(() => undefined, callFailure);
    expect(failure).toMatchObject({ code: "not_found", reason: "USER_NOT_FOUND" });
  });

  test("a code whose answer was lost is sent again, and issued once", async () => {
    const before = way.connections;
    way.loseNextAnswer();
    const { details, verificationCode } = await client.users.sendEmailCode({
      userId,
      verification: returnCode,
    });
    expect(way.connections).toBeGreaterThan(before);
    expect(details?.sequence).toBe(2n);
    await client.users.verifyEmail({ userId, verificationCode: verificationCode ?? "" });
  });
});

test("in Node, a call without a key is not sent again when its answer was lost", async () => {
  const client = createNodeClient({ url: way.url, token: application.token, idempotencyKeys: false });
  try {
    await client.users.listUsers({});
    way.loseNextAnswer();
    const before = way.connections;
    const lost = client.users.listUsers({}).then(() => undefined, callFailure);
    expect((await lost)?.network).toMatch(/./);
    expect(way.connections).toBe(before);
  } finally {
    client.close();
  }
});
