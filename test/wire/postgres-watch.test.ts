// Who watches at one instance sees what the other does: events, addresses, mails of the dev inbox.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { randomBytes } from "node:crypto";
import { EventService } from "../../gen/countersign/v1/event_service_pb.ts";
import { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { TestPostgres } from "../support/postgres-server.ts";

jest.setTimeout(60_000);

const TOKEN = randomBytes(32).toString("hex");
const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` };

let server: TestPostgres;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  server = await TestPostgres.start();
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(() => server.stop());

async function startTwo(pooler: string): Promise<[TestApplication, TestApplication]> {
  const env = {
    COUNTERSIGN_DATABASE_URL: server.url(await server.createDatabase()),
    COUNTERSIGN_DATABASE_POOLER: pooler,
    COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
    COUNTERSIGN_ADMIN_TOKEN: TOKEN,
  };
  const instances = await Promise.all([startTestApplication({ env }), startTestApplication({ env })]);
  for (const instance of instances) {
    closing.push(async () => {
      expect(instance.takeErrors()).toEqual([]);
      await instance.stop();
    });
  }
  return instances;
}

async function call(
  to: TestApplication,
  method: string,
  path: string,
  body?: JsonObject,
): Promise<JsonObject> {
  const response = await fetch(to.url + path, {
    method,
    headers: AUTHORIZATION,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as JsonObject;
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

function addUser(to: TestApplication, userId: string, email: JsonObject): Promise<JsonObject> {
  const profile = { givenName: "Ada", familyName: "Lovelace" };
  return call(to, "POST", "/v2/users/human", {
    userId,
    profile,
    email: { email: `${userId}@example.com`, ...email },
  });
}

function transportTo({ url }: TestApplication): Transport {
  const sessionManager = new Http2SessionManager(url);
  closing.push(() => sessionManager.abort());
  return createGrpcTransport({ baseUrl: url, sessionManager });
}

/** Ends with the test. */
function callOptions() {
  const end = new AbortController();
  closing.push(() => end.abort());
  return { headers: AUTHORIZATION, signal: end.signal };
}

describe.each([
  ["by word and by looking", "none"],
  ["by looking alone, as behind a pooler", "transaction"],
])("%s", (_how, pooler) => {
  test("WatchEvents: every event of both, once and in order", async () => {
    const [here, there] = await startTwo(pooler);
    const watch = createClient(EventService, transportTo(here)).watchEvents(
      { afterPosition: 0n, types: ["user.human.added"] },
      callOptions(),
    );
    const messages = watch[Symbol.asyncIterator]();
    expect((await messages.next()).value).toMatchObject({ message: { case: "heartbeat" } });
    const seen: string[] = [];
    for (const [index, instance] of [there, here, there, there, here].entries()) {
      await addUser(instance, `user-${index}`, { isVerified: true });
      // One after the other: what comes late would show as a test that takes too long.
      const { message } = (await messages.next()).value ?? {};
      if (message?.case === "event") seen.push(message.value.aggregate.id);
    }
    expect(seen).toEqual(["user-0", "user-1", "user-2", "user-3", "user-4"]);
  });

  test("WatchEmail: what is verified at the other instance ends the watch", async () => {
    const [here, there] = await startTwo(pooler);
    const { emailCode } = await addUser(there, "ada", { returnCode: {} });
    const watch = createClient(VerificationService, transportTo(here)).watchEmail(
      { userId: "ada" },
      callOptions(),
    );
    const verified: boolean[] = [];
    for await (const { message } of watch) {
      if (message.case !== "status") continue;
      verified.push(message.value.isVerified);
      if (message.value.isVerified) continue;
      await call(there, "POST", "/v2/users/ada/email/verify", { verificationCode: emailCode ?? "" });
    }
    expect(verified).toEqual([false, true]);
  });

  test("the dev inbox: a mail that the other instance kept is waited for, listed and shown", async () => {
    const [here, there] = await startTwo(pooler);
    expect(await call(here, "GET", "/countersign/v1/inbox/mails")).toEqual({});
    const waiting = call(here, "GET", "/countersign/v1/inbox/wait?to=ada@example.com&timeout=20s");
    await addUser(there, "ada", { sendCode: {} });
    const { mail } = await waiting;
    expect(mail).toMatchObject({ to: "ada@example.com" });
    for (const instance of [here, there]) {
      const { mails } = await call(instance, "GET", "/countersign/v1/inbox/mails");
      expect(mails).toHaveLength(1);
    }
  });
});
