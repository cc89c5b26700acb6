// What is left of users some time after they were deleted, and that others lose nothing.
import { expect, test } from "@jest/globals";
import type { DeliveryRecord } from "../../../src/store/deliveries.ts";
import type { RecordedEvent } from "../../../src/store/store.ts";
import { readLog } from "../history-checker.ts";
import type { OpenWorld } from "../store-contract.ts";
import { refusal, times, type World } from "../world.ts";

const PERSON = {
  username: "countess-of-lovelace",
  givenName: "Augusta-Ada",
  familyName: "King-Noel",
  nickName: "enchantress",
  displayName: "The Right Honourable",
  preferredLanguage: "tlh-Latn",
  address: "augusta.ada@ockham.example",
  nextAddress: "a.king@horsley.example",
  template: "https://app.example/from-the-countess?code={{.Code}}",
  clientAddress: "203.0.113.77",
  said: "550 5.1.1 mailbox of the countess unknown",
} as const;

const TRACES: readonly string[] = Object.values(PERSON);

/** A user with something in every table, of which the second mail came back. */
async function addPerson(world: World, userId: string): Promise<void> {
  const { username, givenName, familyName, nickName, displayName, preferredLanguage, address } = PERSON;
  const origin = { requestId: `request-of-${userId}`, clientAddress: PERSON.clientAddress };
  const withCode = async (command: Parameters<World["withNewCode"]>[0]) => {
    const { env } = world.environments.withNewCode({ kind: "system" }, userId, {
      acceptLanguage: PERSON.preferredLanguage,
    });
    await world.store.execute(command, { ...env, origin });
  };
  const verification = { kind: "send", urlTemplate: PERSON.template } as const;
  await withCode({
    type: "user.add",
    userId,
    organizationId: "org-1",
    username,
    profile: { givenName, familyName, nickName, displayName, preferredLanguage },
    email: { address, verification },
  });
  await refusal(world.verify(userId, "WRONG2"));
  await withCode({ type: "email.set", userId, address: PERSON.nextAddress, verification });
  const nowMs = world.nowMs;
  const claimed = await world.store.claimDeliveries(10, nowMs, nowMs + 60_000);
  for (const { deliveryId, leaseId } of claimed) {
    await world.settle({
      deliveryId,
      leaseId,
      tried: {
        startedAtMs: nowMs,
        messageId: `${deliveryId}@localhost`,
        tries: [{ relay: "relay.example:25", outcome: "accepted", text: PERSON.said }],
      },
      outcome: { state: "sent" },
    });
    await world.store.addInboxMail({ deliveryId, receivedAtMs: nowMs, sealed: "sealed" });
    await bounce(world, deliveryId);
  }
}

function bounce(world: World, deliveryId: string): Promise<void> {
  return world.store.changeDelivery(
    {
      kind: "bounce",
      deliveryId,
      by: "system",
      bounce: {
        type: "permanent",
        suppresses: true,
        enhancedCode: "5.1.1",
        diagnostic: PERSON.said,
        reportingServer: "",
      },
    },
    world.nowMs,
  );
}

function erase(world: World, removedBeforeMs = world.nowMs): Promise<void> {
  return world.store.maintain({ kind: "eraseUsers", removedBeforeMs, nowMs: world.nowMs });
}

async function deliveriesOf({ store }: World, userId: string): Promise<readonly DeliveryRecord[]> {
  return (await store.listDeliveries({ userId, limit: 100, timeoutMs: 10_000 })).deliveries;
}

/** Everything that the port tells, as text. */
async function everything(world: World): Promise<string> {
  const { store } = world;
  const { deliveries } = await store.listDeliveries({ limit: 1_000, timeoutMs: 10_000 });
  const inbox = await store.listInboxMails(1_000);
  return JSON.stringify([
    await readLog(store),
    await world.list(),
    deliveries,
    await Promise.all(deliveries.map(({ deliveryId }) => store.findDelivery(deliveryId))),
    await store.listSuppressions({ limit: 1_000, timeoutMs: 10_000 }),
    inbox,
    await Promise.all(["ada", "bob"].map((userId) => store.findUser(userId))),
  ]);
}

function found(text: string): string[] {
  return TRACES.filter((trace) => text.includes(JSON.stringify(trace).slice(1, -1)));
}

/** What an erasure leaves of an event. */
function frame({ payload: _payload, origin, ...event }: RecordedEvent) {
  return { ...event, requestId: origin?.requestId };
}

export function erasureContract(open: OpenWorld): void {
  test("a deleted user's personal data goes; events stay in their places, with types and times", async () => {
    const world = await open();
    await addPerson(world, "ada");
    const mails = await deliveriesOf(world, "ada");
    expect(mails.map(({ state }) => state)).toEqual(["bounced", "bounced"]);
    await world.run({ type: "user.delete", userId: "ada" });
    expect(found(await everything(world))).toEqual(TRACES);
    const before = await readLog(world.store);

    await erase(world);
    expect(found(await everything(world))).toEqual([]);
    const after = await readLog(world.store);
    expect(after.map(frame)).toEqual(before.map(frame));
    expect(after.map(({ payload }) => Object.keys(payload))).toEqual(
      before.map(({ payload }) => Object.keys(payload)),
    );
    const left = await deliveriesOf(world, "ada");
    expect(left.map(({ deliveryId, state, recipient }) => [deliveryId, state, recipient])).toEqual(
      mails.map(({ deliveryId }) => [deliveryId, "bounced", ""]),
    );
    expect(await world.store.listInboxMails(10)).toEqual([]);
    const { suppressions } = await world.store.listSuppressions({ limit: 10, timeoutMs: 10_000 });
    expect(suppressions).toEqual([]);
  });

  test("a user keeps everything while the time has not come, and users who were not deleted do for ever", async () => {
    const world = await open();
    await addPerson(world, "ada");
    await world.addUser("bob");
    const log = await readLog(world.store);
    await erase(world);
    expect(await readLog(world.store)).toEqual(log);
    world.nowMs += 1_000;
    await world.run({ type: "user.delete", userId: "ada" });
    await erase(world, world.nowMs - 1);
    expect((await readLog(world.store)).slice(0, -1)).toEqual(log);
    await erase(world, world.nowMs);
    const left = await readLog(world.store);
    expect(left.filter(({ aggregateId }) => aggregateId !== "ada")).toEqual(
      log.filter(({ aggregateId }) => aggregateId !== "ada"),
    );
    expect(found(JSON.stringify(left))).toEqual([]);
  });

  test("a suppression stays while another user of the organization has the address", async () => {
    const world = await open();
    await addPerson(world, "ada");
    await world.addUser("bob", { email: { address: PERSON.address, verification: { kind: "none" } } });
    await world.run({ type: "user.delete", userId: "ada" });
    await erase(world);
    const { suppressions } = await world.store.listSuppressions({ limit: 10, timeoutMs: 10_000 });
    expect(suppressions.map(({ address }) => address)).toEqual([PERSON.address]);
  });

  test("a mail that waits is ended, one that is being sent is waited for", async () => {
    const world = await open();
    const send = { address: PERSON.address, verification: { kind: "send" } } as const;
    await world.addUser("ada", { email: send });
    const [claimed] = await world.store.claimDeliveries(1, world.nowMs, world.nowMs + 60_000);
    await world.sendCode("ada");
    await world.run({ type: "user.delete", userId: "ada" });
    await erase(world);
    expect(found(await everything(world))).toEqual([PERSON.address]);

    const { deliveryId = "", leaseId = "" } = claimed ?? {};
    await world.settle({ deliveryId, leaseId, outcome: { state: "failed", problem: PERSON.said } });
    await erase(world);
    expect(found(await everything(world))).toEqual([]);
    const states = (await deliveriesOf(world, "ada")).map(({ state }) => state).toSorted();
    expect(states).toEqual(["cancelled", "failed"]);
    expect(await world.store.nextDeliveryDueMs()).toBeUndefined();
  });

  test("a notice to an old address is waited for: an account's end does not take it back", async () => {
    const world = await open({ addressChangeNotice: true });
    const verified = { kind: "verified" } as const;
    await world.addUser("ada", { email: { address: PERSON.address, verification: verified } });
    await world.setEmail("ada", PERSON.nextAddress, { kind: "none" });
    await world.run({ type: "user.delete", userId: "ada" });
    await erase(world);
    const [notice] = await world.store.claimDeliveries(10, world.nowMs, world.nowMs + 60_000);
    expect(notice).toMatchObject({ kind: "notice", recipient: PERSON.address });
    const { deliveryId = "", leaseId = "" } = notice ?? {};
    await world.settle({ deliveryId, leaseId, outcome: { state: "sent" } });
    await erase(world);
    expect(found(await everything(world))).toEqual([]);
  });

  test("a report about an erased mail brings nothing back", async () => {
    const world = await open();
    await addPerson(world, "ada");
    const [mail] = await deliveriesOf(world, "ada");
    await world.run({ type: "user.delete", userId: "ada" });
    await erase(world);
    expect(await refusal(bounce(world, mail?.deliveryId ?? ""))).toMatchObject({
      name: "DELIVERY_NOT_FOUND",
    });
    expect(found(await everything(world))).toEqual([]);
  });

  test("many users and long histories are erased piece by piece, and goes on where a stop broke it off", async () => {
    const world = await open();
    const email = { address: PERSON.address, verification: { kind: "none" } } as const;
    await world.addUser("ada", { username: PERSON.username, email });
    await Promise.all(
      times(900, (index) => world.sendCode("ada", { kind: index % 2 === 0 ? "send" : "return" })),
    );
    await Promise.all(
      times(300, async (index) => {
        await world.addUser(`user-${index}`, { username: `${PERSON.username}-${index}` });
        await world.run({ type: "user.delete", userId: `user-${index}` });
      }),
    );
    await world.run({ type: "user.delete", userId: "ada" });
    const before = await readLog(world.store);
    const erasing = erase(world).catch(() => {});
    await world.reopen();
    await erasing;
    await erase(world);
    expect(found(await everything(world))).toEqual([]);
    expect((await readLog(world.store)).map(frame)).toEqual(before.map(frame));
  });

  test("the name of an erased user can be taken again, the id cannot", async () => {
    const world = await open();
    await addPerson(world, "ada");
    await world.run({ type: "user.delete", userId: "ada" });
    await erase(world);
    expect(await refusal(world.addUser("ada"))).toMatchObject({ name: "USER_ALREADY_EXISTS" });
    await world.addUser("bob", { username: PERSON.username });
    expect(await world.store.findUser("bob")).toMatchObject({ username: PERSON.username });
  });

  test("listeners hear of mails that left the dev inbox", async () => {
    const world = await open();
    await addPerson(world, "ada");
    await world.run({ type: "user.delete", userId: "ada" });
    const heard: (boolean | undefined)[] = [];
    world.store.committed(({ erasedMails }) => heard.push(erasedMails));
    await world.addUser("bob");
    expect(heard).not.toContain(true);
    await erase(world);
    expect(heard).toContain(true);
  });
}
