// Rotations against a real store, with a clock that the test turns.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { fitsKeyring } from "../../../src/store/key-file.ts";
import { inspectKeys, pruneKeys, rotateKeys, type KeyTask } from "../../../src/store/key-rotation.ts";
import { Keyring } from "../../../src/store/keyring.ts";
import { SqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { temporaryFolders } from "../../contract/temporary.ts";
import { POLICY, World } from "../../contract/world.ts";

const OLD = new Uint8Array(32).fill(7);
const OLDER = new Uint8Array(32).fill(8);
const [oldId = "", olderId = ""] = new Keyring([OLD, OLDER]).keyIds;

const temporaryFolder = temporaryFolders();
const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

/** A service that was last served with OLD, and has one user. */
async function open(): Promise<World> {
  const store = await SqliteStore.open({ path: join(temporaryFolder(), "countersign.db") });
  stores.push(store);
  const world = new World(store, {}, new Keyring([OLD]));
  await world.addOrganization();
  await world.addUser("ada");
  await pruneKeys({ ...taskOf(world), secrets: [OLD] });
  return world;
}

/** As OLDER would have done it, before OLD took its place. */
function withOlder(world: World): World {
  const before = new World(world.store, {}, new Keyring([OLDER]));
  before.nowMs = world.nowMs;
  return before;
}

interface Saved {
  readonly saved: (readonly Uint8Array[])[];
}

function taskOf(world: World): KeyTask & Saved & { save(secrets: readonly Uint8Array[]): Promise<void> } {
  const saved: (readonly Uint8Array[])[] = [];
  return { ...withoutSave(world), saved, save: async (secrets) => void saved.push(secrets) };
}

function withoutSave(world: World): KeyTask {
  return { store: world.store, secrets: [OLD, OLDER], source: "the test", nowMs: world.nowMs };
}

async function rotate(world: World, task = taskOf(world)) {
  const report = await rotateKeys({ ...task, randomBytes });
  const [fresh] = task.saved[0] ?? [];
  if (fresh === undefined) throw new Error("nothing was saved");
  return { report, fresh, freshId: new Keyring([fresh]).keyIds[0], saved: task.saved };
}

async function keepMail(world: World, deliveryId: string, keyring = world.keyring): Promise<void> {
  const sealed = keyring.seal(`mail ${deliveryId}`, deliveryId);
  await world.store.addInboxMail({ deliveryId, receivedAtMs: world.nowMs, sealed });
}

describe("a rotation", () => {
  test("puts a fresh key first, and keeps those whose codes can still be used", async () => {
    const world = await open();
    await world.sendCode("ada");
    const { report, fresh, freshId, saved } = await rotate(world);
    expect(saved).toEqual([
      [fresh, OLD, OLDER],
      [fresh, OLD],
    ]);
    const codesUntilMs = world.nowMs + POLICY.codeTtlMs;
    expect(report).toEqual({
      keys: [
        { id: freshId, isNewest: true, isNeeded: true, codesUntilMs: undefined, inboxMails: 0 },
        { id: oldId, isNewest: false, isNeeded: true, codesUntilMs, inboxMails: 0 },
      ],
      missing: [],
      dropped: [olderId],
      resealedMails: 0,
      unreadableMails: 0,
    });
  });

  test("makes another key each time, of 32 bytes", async () => {
    const world = await open();
    const first = await rotate(world);
    const second = await rotate(world, { ...taskOf(world), secrets: [first.fresh] });
    expect(first.fresh).toHaveLength(32);
    expect(second.fresh).not.toEqual(first.fresh);
  });

  test.each([
    ["in the last millisecond of its code is kept", 0, [OLD]],
    ["after it is dropped", 1, []],
  ])("a key %s", async (_, lateMs, kept) => {
    const world = await open();
    await world.sendCode("ada", { kind: "return" });
    world.nowMs += POLICY.codeTtlMs + lateMs;
    const { fresh, saved } = await rotate(world);
    expect(saved.at(-1)).toEqual([fresh, ...kept]);
    const isStillGood = await world.verify("ada", world.codeOf("ada")).then(
      () => true,
      () => false,
    );
    expect(isStillGood).toBe(kept.length > 0);
  });

  test("a used code keeps its key: its repetition is answered as before", async () => {
    const world = await open();
    await world.sendCode("ada", { kind: "return" });
    await world.verify("ada", world.codeOf("ada"));
    const { fresh, saved } = await rotate(world);
    expect(saved.at(-1)).toEqual([fresh, OLD]);
    const after = new World(world.store, {}, new Keyring(saved.at(-1) ?? []));
    after.nowMs = world.nowMs;
    expect((await after.verify("ada", world.codeOf("ada"))).details.sequence).toBe(3);
  });

  test("the database goes with the fresh key from then on, also once the old ones are gone", async () => {
    const world = await open();
    const { fresh } = await rotate(world);
    expect(await fitsKeyring(world.store, new Keyring([fresh]))).toBe(true);
    expect(await fitsKeyring(world.store, new Keyring([OLD, OLDER]))).toBe(false);
  });

  test("seals the mails of the dev inbox anew, so that they hold no key", async () => {
    const world = await open();
    await keepMail(world, "d1");
    await keepMail(world, "d2", new Keyring([OLDER]));
    const { report, fresh, saved } = await rotate(world);
    expect(report).toMatchObject({ resealedMails: 2, unreadableMails: 0, dropped: [oldId, olderId] });
    expect(saved.at(-1)).toEqual([fresh]);
    const keyring = new Keyring([fresh]);
    const mails = await world.store.listInboxMails(10);
    expect(mails.map(({ deliveryId, sealed }) => keyring.open(sealed, deliveryId))).toEqual([
      "mail d2",
      "mail d1",
    ]);
  });

  test("mails that no key opens are counted, left alone, and keep no key from being dropped", async () => {
    const world = await open();
    await keepMail(world, "lost", new Keyring([randomBytes(32)]));
    const moved = { deliveryId: "moved", receivedAtMs: 0, sealed: world.keyring.seal("mail", "elsewhere") };
    await world.store.addInboxMail(moved);
    const before = await world.store.listInboxMails(10);
    const { report, fresh, saved } = await rotate(world);
    expect(report).toMatchObject({ resealedMails: 0, unreadableMails: 2 });
    expect(saved.at(-1)).toEqual([fresh]);
    expect(await world.store.listInboxMails(10)).toEqual(before);
  });

  test("that cannot save has changed nothing", async () => {
    const world = await open();
    await keepMail(world, "d1");
    const before = await world.store.listInboxMails(10);
    const save = () => Promise.reject(new Error("EROFS"));
    await expect(rotateKeys({ ...taskOf(world), save, randomBytes })).rejects.toThrow("EROFS");
    expect(await world.store.listInboxMails(10)).toEqual(before);
    expect(await fitsKeyring(world.store, new Keyring([OLD]))).toBe(true);
  });
});

test.each([
  ["rotate", (task: KeyTask, save: () => Promise<void>) => rotateKeys({ ...task, save, randomBytes })],
  ["prune", (task: KeyTask, save: () => Promise<void>) => pruneKeys({ ...task, save })],
  ["list", (task: KeyTask) => inspectKeys(task)],
])("%s refuses keys that are not the database's", async (_, run) => {
  const world = await open();
  let saves = 0;
  const save = async () => void (saves += 1);
  await expect(run({ ...taskOf(world), secrets: [randomBytes(32), OLDER] }, save)).rejects.toThrow(
    "the test does not hold the key that the database was last served with: restore that key",
  );
  expect(saves).toBe(0);
});

describe("pruning", () => {
  test("keeps the newest key whatever, and drops the others once they are not needed", async () => {
    const world = await open();
    await withOlder(world).sendCode("ada", { kind: "return" });
    const early = taskOf(world);
    expect(await pruneKeys(early)).toMatchObject({ dropped: [] });
    expect(early.saved).toEqual([]);
    world.nowMs += POLICY.codeTtlMs + 1;
    const late = taskOf(world);
    expect(await pruneKeys(late)).toMatchObject({ dropped: [olderId], keys: [{ id: oldId }] });
    expect(late.saved).toEqual([[OLD]]);
  });

  test("without a way to save, seals the inbox anew and tells which keys may go", async () => {
    const world = await open();
    await keepMail(world, "d1", new Keyring([OLDER]));
    const task = withoutSave(world);
    expect((await inspectKeys(task)).keys.map(({ isNeeded }) => isNeeded)).toEqual([true, true]);
    const { keys, dropped, resealedMails } = await pruneKeys(task);
    expect(keys.map(({ id, isNeeded }) => [id, isNeeded])).toEqual([
      [oldId, true],
      [olderId, false],
    ]);
    expect([dropped, resealedMails]).toEqual([[], 1]);
  });

  test("of keys that the service was not started with yet: the database goes with the newest", async () => {
    const world = await open();
    const fresh = randomBytes(32);
    const task = { ...taskOf(world), secrets: [fresh, OLD] };
    expect(await pruneKeys(task)).toMatchObject({ dropped: [oldId] });
    expect(task.saved).toEqual([[fresh]]);
    expect(await fitsKeyring(world.store, new Keyring([fresh]))).toBe(true);
  });
});

test("a list changes nothing, and names keys that are missing while something needs them", async () => {
  const world = await open();
  await keepMail(world, "d1");
  await withOlder(world).sendCode("ada", { kind: "return" });
  const codesUntilMs = world.nowMs + POLICY.codeTtlMs;
  const look = () => inspectKeys({ ...taskOf(world), nowMs: world.nowMs, secrets: [OLD] });
  const newest = { id: oldId, isNewest: true, isNeeded: true, codesUntilMs: undefined, inboxMails: 1 };
  const missing = { id: olderId, isNewest: false, isNeeded: true, codesUntilMs, inboxMails: 0 };
  expect(await look()).toEqual({ keys: [newest], missing: [missing] });
  world.nowMs = codesUntilMs + 1;
  expect(await look()).toEqual({ keys: [newest], missing: [] });
});
