/** Which tokens are good, and that their use is noted and written, with a real store. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PersonalAccessTokens } from "../../../src/access/personal-access-tokens.ts";
import { TokenUses } from "../../../src/access/token-uses.ts";
import { createToken, hashToken } from "../../../src/access/token.ts";
import { SqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { MaintenanceTask } from "../../../src/store/store.ts";
import type { Command } from "../../../src/verification/aggregates.ts";
import { grantsOf } from "../../../src/verification/roles.ts";
import { World } from "../../contract/world.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-tokens-"));
const warnings: string[] = [];
const logger = { warn: (_details: object, message: string) => void warnings.push(message) };
let world: World;
let uses: TokenUses;
let tokens: PersonalAccessTokens;

beforeAll(async () => {
  world = new World(await SqliteStore.open({ path: join(folder, "test.db") }));
  await world.addOrganization();
  uses = new TokenUses({ store: world.store, logger: logger as never });
  tokens = new PersonalAccessTokens({ store: world.store, nowMs: () => world.nowMs, uses });
});
afterAll(async () => {
  await world.store.close();
  rmSync(folder, { recursive: true });
});

const run = (command: Command) => world.store.execute(command, world.plain());

async function addToken(name: string, expiresAtMs: number | null = null): Promise<string> {
  await world.addServiceAccount(name);
  const token = createToken((count) => Buffer.alloc(count, name));
  await run({
    type: "accessToken.add",
    tokenId: `token of ${name}`,
    serviceAccountId: name,
    hash: hashToken(token),
    expiresAtMs,
  });
  return token;
}

async function lastUse(name: string): Promise<number | null | undefined> {
  const page = await world.store.listAccessTokens({ serviceAccountId: name, limit: 1, timeoutMs: 1_000 });
  return page.tokens[0]?.lastUsedAtMs;
}

test("a good token is its account", async () => {
  const token = await addToken("good");
  const { roles = [] } = (await world.store.findServiceAccount("good")) ?? {};
  expect(await tokens.findCaller(token)).toEqual({
    kind: "principal",
    userId: "good",
    organizationId: "org-1",
    grants: grantsOf(roles),
  });
});

test.each<[string, (token: string) => string]>([
  ["unknown", () => createToken((count) => Buffer.alloc(count, "?"))],
  ["empty", () => ""],
  ["its hash", hashToken],
  ["cut", (token) => token.slice(0, -1)],
  ["in other letters", (token) => token.toUpperCase()],
])("what is no token: %s", async (name, change) => {
  const token = await addToken(`no-token-${name}`);
  expect(await tokens.findCaller(change(token))).toBeUndefined();
});

test("an expired token is none, to the millisecond", async () => {
  const endMs = world.nowMs + 1_000;
  const token = await addToken("expiring", endMs);
  world.nowMs = endMs - 1;
  expect(await tokens.findCaller(token)).toMatchObject({
    userId: "expiring",
    credentialExpiresAtMs: endMs,
  });
  world.nowMs = endMs;
  expect(await tokens.findCaller(token)).toBeUndefined();
});

test.each<[string, (name: string) => Command]>([
  ["revoked", (name) => ({ type: "accessToken.revoke", tokenId: `token of ${name}` })],
  ["of a deactivated account", (name) => ({ type: "serviceAccount.deactivate", serviceAccountId: name })],
  ["of a removed account", (name) => ({ type: "serviceAccount.remove", serviceAccountId: name })],
])("a token that is %s is none from the next call on", async (what, command) => {
  const name = `ending ${what}`;
  const token = await addToken(name);
  expect(await tokens.findCaller(token)).toMatchObject({ userId: name });
  await run(command(name));
  expect(await tokens.findCaller(token)).toBeUndefined();
  expect(await tokens.findCallerByHash(hashToken(token))).toBeUndefined();
});

test("uses are written in one go: the last one of each token, and none of refused ones", async () => {
  const [often, revoked] = [await addToken("often"), await addToken("revoked-before")];
  await run({ type: "accessToken.revoke", tokenId: "token of revoked-before" });
  await uses.flush();
  const written: MaintenanceTask[] = [];
  const maintain = async (task: MaintenanceTask) => {
    written.push(task);
    await world.store.maintain(task);
  };
  const counted = new TokenUses({ store: { maintain }, logger: logger as never });
  const used = new PersonalAccessTokens({ store: world.store, nowMs: () => world.nowMs, uses: counted });
  for (let call = 0; call < 100; call += 1) {
    world.nowMs += 1;
    await used.findCaller(often);
    await used.findCaller(revoked);
  }
  expect(await lastUse("often")).toBeNull();
  expect(counted.lastUsedMs("token of often")).toBe(world.nowMs);
  await counted.stop();
  await counted.flush();
  expect(written).toEqual([
    { kind: "recordTokenUses", uses: [{ tokenId: "token of often", usedAtMs: world.nowMs }] },
  ]);
  expect(await lastUse("often")).toBe(world.nowMs);
  expect(await lastUse("revoked-before")).toBeNull();
});

test("what could not be written is written later", async () => {
  const token = await addToken("unlucky");
  let fails = true;
  const maintain = (task: MaintenanceTask) =>
    fails ? Promise.reject(new Error("disk full")) : world.store.maintain(task);
  const unlucky = new TokenUses({ store: { maintain }, logger: logger as never });
  await new PersonalAccessTokens({ store: world.store, nowMs: () => world.nowMs, uses: unlucky }).findCaller(
    token,
  );
  await unlucky.flush();
  expect(warnings).toEqual(["the times of last use of access tokens could not be written"]);
  expect(await lastUse("unlucky")).toBeNull();
  fails = false;
  await unlucky.flush();
  expect(await lastUse("unlucky")).toBe(world.nowMs);
});
