// Instances on one PostgreSQL database need the same secrets: what becomes of one that has others.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { TestPostgres } from "../support/postgres-server.ts";

jest.setTimeout(60_000);

const newKey = () => randomBytes(32).toString("base64");
const newToken = () => randomBytes(32).toString("hex");
const KEY = newKey();
const TOKEN = newToken();

let server: TestPostgres;
let url: string;
let running: TestApplication[] = [];

beforeAll(async () => {
  server = await TestPostgres.start();
});
beforeEach(async () => {
  url = server.url(await server.createDatabase());
});
afterEach(async () => {
  await Promise.all(running.map((application) => application.stop()));
  running = [];
});
afterAll(() => server.stop());

async function start(env: Readonly<Record<string, string>> = {}): Promise<TestApplication> {
  const application = await startTestApplication({
    env: {
      COUNTERSIGN_DATABASE_URL: url,
      COUNTERSIGN_SECRET_KEY: KEY,
      COUNTERSIGN_ADMIN_TOKEN: TOKEN,
      ...env,
    },
  });
  running.push(application);
  return application;
}

async function statusOf(path: string, at: TestApplication, token: string): Promise<number> {
  return (await fetch(at.url + path, { headers: { authorization: `Bearer ${token}` } })).status;
}

const readsItself = (at: TestApplication, token: string) => statusOf(`/v2/users/${at.adminId}`, at, token);

describe("the secret key", () => {
  test("another one is refused, and those that run go on", async () => {
    const first = await start();
    await expect(start({ COUNTERSIGN_SECRET_KEY: newKey() })).rejects.toThrow(
      /^COUNTERSIGN_SECRET_KEY does not hold the key that postgres:\/\/postgres@127\.0\.0\.1:\d+\/\w+ was written with/,
    );
    expect(await statusOf("/readyz", first, "")).toBe(200);
  });

  test("of two first starts at once with different ones, one is refused", async () => {
    const starts = await Promise.allSettled([
      start({ COUNTERSIGN_SECRET_KEY: newKey() }),
      start({ COUNTERSIGN_SECRET_KEY: newKey() }),
    ]);
    expect(starts.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  test("a new one goes round: known to all first, then the first of all", async () => {
    const next = newKey();
    const first = await start();
    const second = await start({ COUNTERSIGN_SECRET_KEY: `${KEY},${next}` });
    const third = await start({ COUNTERSIGN_SECRET_KEY: `${next},${KEY}` });
    // The first cannot read what the third writes, and says so.
    expect(await statusOf("/readyz", first, "")).toBe(503);
    for (const instance of [second, third]) expect(await statusOf("/readyz", instance, "")).toBe(200);
    await expect(start()).rejects.toThrow("does not hold the key");
  });
});

describe("the admin token", () => {
  test("another one is refused, and the right one goes on working everywhere", async () => {
    const first = await start();
    await expect(start({ COUNTERSIGN_ADMIN_TOKEN: newToken() })).rejects.toThrow(
      /^COUNTERSIGN_ADMIN_TOKEN is not the token that the other instances .* COUNTERSIGN_REPLACE_ADMIN_TOKEN=on/,
    );
    const second = await start();
    for (const instance of [first, second]) expect(await readsItself(instance, TOKEN)).not.toBe(401);
  });

  test("of two first starts at once with different ones, one is refused", async () => {
    const starts = await Promise.allSettled([
      start({ COUNTERSIGN_ADMIN_TOKEN: newToken() }),
      start({ COUNTERSIGN_ADMIN_TOKEN: newToken() }),
    ]);
    expect(starts.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  test("another one takes its place where that is asked for, at every instance from the next call on", async () => {
    const first = await start();
    const token = newToken();
    const second = await start({ COUNTERSIGN_ADMIN_TOKEN: token, COUNTERSIGN_REPLACE_ADMIN_TOKEN: "on" });
    for (const instance of [first, second]) {
      expect(await readsItself(instance, token)).not.toBe(401);
      expect(await readsItself(instance, TOKEN)).toBe(401);
    }
    await expect(start()).rejects.toThrow("COUNTERSIGN_ADMIN_TOKEN is not the token");
    await start({ COUNTERSIGN_ADMIN_TOKEN: token });
  });
});
