// Nothing of an erased user is left in the files of the database: not in rows, free space, indexes, nor the log.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { refusal, times, World } from "./world.ts";

let folder: string;
let world: World;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-erasure-"));
  world = new World(await SqliteStore.open({ path: join(folder, "test.db") }));
  await world.addOrganization();
});
afterEach(async () => {
  await world.store.close();
  await rm(folder, { recursive: true, force: true });
});

/** What of the texts is found, in whatever file. */
async function found(texts: readonly string[]): Promise<string[]> {
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
  return texts.filter((text) => files.some((bytes) => bytes.includes(text)));
}

/** Long values, of which some do not fit into a page's share and lie on pages of their own. */
function personOf(index: number) {
  const mark = `${index}-${"x".repeat(index % 7 === 0 ? 150 : 10)}`;
  return {
    username: `username-${mark}`,
    givenName: `given-${mark}`,
    familyName: `family-${mark}`,
    nickName: `nick-${mark}`,
    displayName: `display-${mark}`,
    address: `address-${index}@erased.example`,
    nextAddress: `next-${index}@erased.example`,
    urlTemplate: `https://app.example/for-${index}?code={{.Code}}`,
    clientAddress: `2001:db8::${(0x1000 + index).toString(16)}`,
  };
}

type Person = ReturnType<typeof personOf>;

async function live(
  index: number,
  { address, nextAddress, urlTemplate, clientAddress, username, ...names }: Person,
) {
  const userId = `user-${index}`;
  const verification = { kind: "send", urlTemplate } as const;
  const withCode = async (command: Parameters<World["withNewCode"]>[0]) => {
    const { env } = world.environments.withNewCode({ kind: "system" }, userId);
    await world.store.execute(command, { ...env, origin: { requestId: `request-${index}`, clientAddress } });
  };
  const email = { address, verification };
  await withCode({ type: "user.add", userId, organizationId: "org-1", username, profile: names, email });
  await withCode({ type: "email.set", userId, address: nextAddress, verification });
  await withCode({ type: "email.sendCode", userId, verification });
  await refusal(world.verify(userId, "WRONG2"));
  await withCode({
    type: "user.update",
    userId,
    username: `${username}-too`,
    profile: { nickName: `${names.nickName}-too` },
  });
}

async function sendAll(): Promise<void> {
  for (;;) {
    const claimed = await world.store.claimDeliveries(100, world.nowMs, world.nowMs + 60_000);
    if (claimed.length === 0) return;
    await world.settle(
      ...claimed.map(({ deliveryId, leaseId, recipient }) => ({
        deliveryId,
        leaseId,
        tried: {
          startedAtMs: world.nowMs,
          messageId: `${deliveryId}@localhost`,
          tries: [
            { relay: "relay.example", outcome: "permanent", text: `550 <${recipient}> unknown` } as const,
          ],
        },
        outcome: { state: "failed", problem: `550 <${recipient}> unknown` } as const,
      })),
    );
  }
}

test("of 300 users, every second of whom is deleted and erased", async () => {
  const people = times(300, personOf);
  await Promise.all(people.map((person, index) => live(index, person)));
  await sendAll();
  const deleted = people.filter((_, index) => index % 2 === 1);
  const texts = deleted.flatMap((person) => Object.values(person));
  expect(await found(texts)).toEqual(texts);
  await Promise.all(
    times(150, (index) => world.run({ type: "user.delete", userId: `user-${index * 2 + 1}` })),
  );
  await world.store.maintain({ kind: "eraseUsers", removedBeforeMs: world.nowMs, nowMs: world.nowMs });
  expect(await found(texts)).toEqual([]);
  const others = people
    .filter((_, index) => index % 2 === 0)
    .flatMap(({ nextAddress, givenName }) => [nextAddress, givenName]);
  expect(await found(others)).toEqual(others);
});
