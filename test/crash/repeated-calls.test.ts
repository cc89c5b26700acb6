// Calls that are sent again because the service died, was restarted, or lost the key that sealed its answer.
import { expect, test } from "@jest/globals";
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createToken, hashToken } from "../../src/access/token.ts";
import { temporaryFolders } from "../contract/temporary.ts";
import { World } from "../contract/world.ts";
import { Http2Connection } from "../support/raw-http.ts";
import { serverProcesses, type ServerProcess } from "../support/server-process.ts";
import { databaseIn } from "../support/test-database.ts";
import { openStoreIn } from "../support/test-store.ts";
import { grpc, rest, textAt, type Answer, type Format, type MethodName } from "../support/wire-formats.ts";
import type { JsonObject } from "@bufbuild/protobuf";

const CALLS = 1_000;
/** How many calls have their answer when the service is killed. They come in bursts, as commits do. */
const KILLED_AFTER = [0, 1, 1, 20, 50, 200];

const temporaryFolder = temporaryFolders();
const startServer = serverProcesses();

interface Client {
  call(format: Format, method: MethodName, message: JsonObject, key?: string): Promise<Answer>;
  close(): void;
}

/** Everything over one HTTP/2 connection, which takes REST as well. */
async function clientOf(server: ServerProcess, dataDir: string, otherToken?: string): Promise<Client> {
  const { hostname: host, port } = new URL(await server.ready());
  const token = otherToken ?? adminToken(dataDir);
  const connection = await Http2Connection.open({ host, port: Number(port) });
  return {
    async call(format, method, message, key) {
      const request = format.encode(method, message);
      const headers = {
        ...request.headers,
        authorization: `Bearer ${token}`,
        ...(key !== undefined && { "idempotency-key": key }),
      };
      return format.decode(method, await connection.exchange({ ...request, headers }));
    },
    close: () => void connection.close().catch(() => {}),
  };
}

function adminToken(dataDir: string): string {
  return readFileSync(join(dataDir, "admin.token"), "utf8").trim();
}

function messageOf({ message, error }: Answer): JsonObject {
  if (message === undefined) throw new Error(JSON.stringify(error));
  return message as JsonObject;
}

const isReplay = ({ headers }: Answer) => headers["idempotency-replayed"] === "true";

async function addUser(client: Client): Promise<string> {
  const email = { email: `${randomUUID()}@example.com`, isVerified: false };
  const profile = { givenName: "Ada", familyName: "Lovelace" };
  return textAt(messageOf(await client.call(rest, "AddHumanUser", { profile, email })), "userId");
}

async function recordOf(dataDir: string, userId: string): Promise<object> {
  const read = async <Row>(sql: string) => await databaseIn(dataDir).rows<Row>(sql, userId);
  const events = await read<{ type: string }>(
    "SELECT type FROM events WHERE aggregate_id = ? ORDER BY position",
  );
  return {
    // Whether the mail has left already is no matter here.
    events: events.map(({ type }) => type).filter((type) => type !== "user.human.email.code.sent"),
    mails: (await read("SELECT id FROM outbox WHERE user_id = ?")).length,
  };
}

test(`${CALLS} equal calls, kill -9 in their middle, and ${CALLS} more: one code, one mail, one answer`, async () => {
  const dataDir = temporaryFolder();
  const answeredBefore: number[] = [];
  for (let round = 0; round < KILLED_AFTER.length; round++) {
    const server = startServer({ dataDir });
    const client = await clientOf(server, dataDir);
    const userId = await addUser(client);
    const key = randomUUID();
    const isMailed = round % 2 === 0;
    const format = isMailed ? grpc : rest;
    const message = { userId, ...(isMailed ? { sendCode: {} } : { returnCode: {} }) };
    const send = (by: Client) => by.call(format, "SendEmailCode", message, key);

    const killAfter = KILLED_AFTER[round] ?? 0;
    let answered = 0;
    if (killAfter === 0) setImmediate(() => server.signal("SIGKILL"));
    // A stream whose session is gone may end without a word.
    const gone = server.exited.then(() => Promise.reject(new Error("the server is gone")));
    const calls = Array.from({ length: CALLS }, async () => {
      const answer = await Promise.race([send(client), gone]);
      answered += 1;
      if (answered === killAfter) server.signal("SIGKILL");
      return answer;
    });
    const settled = await Promise.allSettled(calls);
    expect(await server.exited).toEqual({ code: null, signal: "SIGKILL" });
    client.close();
    const before = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    answeredBefore.push(before.length);

    const next = startServer({ dataDir });
    const again = await clientOf(next, dataDir);
    const after = await Promise.all(Array.from({ length: CALLS }, () => send(again)));
    const messages = [...before, ...after].map((answer) => JSON.stringify(messageOf(answer)));
    expect({ round, different: new Set(messages).size }).toEqual({ round, different: 1 });
    const originals = [...before, ...after].filter((answer) => !isReplay(answer)).length;
    // The one that did the work may have died with its answer.
    expect(originals).toBeLessThanOrEqual(1);

    again.close();
    expect(await next.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(await recordOf(dataDir, userId)).toEqual({
      events: ["user.human.added", "user.human.email.code.added"],
      mails: isMailed ? 1 : 0,
    });
  }
  // It did die in the middle: with some answered, and some not.
  expect(answeredBefore.some((count) => count > 0 && count < CALLS)).toBe(true);
}, 90_000);

test("a key is its principal's own: another's call under the same key is another call", async () => {
  const dataDir = temporaryFolder();
  const first = startServer({ dataDir });
  await first.ready();
  await first.end("SIGTERM");
  const otherToken = createToken(randomBytes);
  await addAdministrator(dataDir, hashToken(otherToken));

  const server = startServer({ dataDir });
  const admin = await clientOf(server, dataDir);
  const other = await clientOf(server, dataDir, otherToken);
  const userId = await addUser(admin);
  const key = randomUUID();
  for (const client of [admin, other]) {
    for (const expected of [false, true]) {
      const answer = await client.call(grpc, "SendEmailCode", { userId, returnCode: {} }, key);
      messageOf(answer);
      expect(isReplay(answer)).toBe(expected);
    }
  }
  // Nor is one told of the other's request.
  const different = await other.call(rest, "ResendEmailCode", { userId, returnCode: {} }, key);
  expect(isReplay(different)).toBe(false);
  admin.close();
  other.close();
  await server.end("SIGTERM");
  expect(await recordOf(dataDir, userId)).toMatchObject({ mails: 0 });
}, 60_000);

test("a code whose key was taken out is lost, and the answer says so; without a code nothing is", async () => {
  const dataDir = temporaryFolder();
  const [older, newer] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];
  const withKeys = async (keys: string, act: (client: Client) => Promise<void>) => {
    const server = startServer({ dataDir, env: { COUNTERSIGN_SECRET_KEY: keys } });
    const client = await clientOf(server, dataDir);
    await act(client);
    client.close();
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
  };
  let userId = "";
  let original: JsonObject = {};
  const returned = (client: Client) =>
    client.call(rest, "SendEmailCode", { userId, returnCode: {} }, "returned");
  const mailed = (client: Client) => client.call(rest, "SendEmailCode", { userId, sendCode: {} }, "mailed");

  await withKeys(older, async (client) => {
    userId = await addUser(client);
    original = messageOf(await returned(client));
    messageOf(await mailed(client));
  });
  await withKeys(`${newer},${older}`, async (client) => {
    expect(messageOf(await returned(client))).toEqual(original);
  });
  await withKeys(newer, async (client) => {
    const { error, httpStatus } = await returned(client);
    expect({ httpStatus, error }).toMatchObject({
      httpStatus: 400,
      error: {
        code: 9,
        details: expect.arrayContaining([expect.objectContaining({ reason: "IDEMPOTENCY_CODE_LOST" })]),
      },
    });
    expect(isReplay(await mailed(client))).toBe(true);
  });
}, 60_000);

async function addAdministrator(dataDir: string, hash: string): Promise<void> {
  const store = await openStoreIn(dataDir);
  try {
    const world = new World(store);
    await world.addOrganization();
    await world.addServiceAccount("second-admin");
    await world.setToken("second-token", "second-admin", hash);
  } finally {
    await store.close();
  }
}
