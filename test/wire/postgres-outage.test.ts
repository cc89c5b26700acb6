// The network between an instance and its database swallows everything for ten seconds: what callers see, and after it.
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { startTestApplication } from "../support/application.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

jest.setTimeout(60_000);

const TOKEN = randomBytes(32).toString("hex");
const OUTAGE_MS = 10_000;
/** Longer than two statements may take by default, which is what a call meets at worst. */
const DEADLINE_MS = 8_000;
const CALLERS = 4;

let server: TestPostgres;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  server = await TestPostgres.start();
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(() => server.stop());

test("calls fail with UNAVAILABLE and RetryInfo within their deadline, and work again by themselves", async () => {
  const proxy = await TcpProxy.to(server.port);
  closing.push(() => proxy.close());
  const application = await startTestApplication({
    env: {
      COUNTERSIGN_DATABASE_URL: server.url(await server.createDatabase(), proxy.port),
      COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
      COUNTERSIGN_ADMIN_TOKEN: TOKEN,
    },
  });
  closing.push(() => application.stop());
  const sessionManager = new Http2SessionManager(application.url);
  closing.push(() => sessionManager.abort());
  const users = createClient(
    UserService,
    createGrpcTransport({ baseUrl: application.url, sessionManager, defaultTimeoutMs: DEADLINE_MS }),
  );
  const headers = { authorization: `Bearer ${TOKEN}` };
  const isReady = async () => (await fetch(`${application.url}/readyz`)).status === 200;
  const { userId } = await users.addHumanUser(
    {
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: "ada@example.com", verification: { case: "isVerified", value: false } },
    },
    { headers },
  );

  const answered: bigint[] = [];
  const refused: ConnectError[] = [];
  const stopping = new AbortController();
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!stopping.signal.aborted) {
      try {
        const verification = { case: "returnCode", value: {} } as const;
        const { details } = await users.sendEmailCode({ userId, verification }, { headers });
        answered.push(details?.sequence ?? 0n);
      } catch (error) {
        refused.push(ConnectError.from(error));
        await sleep(50);
      }
    }
  });
  while (answered.length < 20) await sleep(5);
  expect(refused).toEqual([]);

  proxy.goDeaf();
  await sleep(OUTAGE_MS);
  const before = answered.length;
  expect(refused.length).toBeGreaterThanOrEqual(CALLERS);
  expect(await isReady()).toBe(false);
  proxy.hear();
  while (answered.length < before + 20) await sleep(5);
  stopping.abort();
  await Promise.all(callers);

  for (const error of refused) {
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "STORE_UNAVAILABLE" }]);
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
  }
  expect(new Set(answered).size).toBe(answered.length);
  while (!(await isReady())) await sleep(50);
  application.takeErrors();
});
