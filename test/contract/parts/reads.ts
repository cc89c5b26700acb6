// The log, listeners, metadata, the dev inbox, closing and opening again.
import { expect, test } from "@jest/globals";
import type { Commit } from "../../../src/store/store.ts";
import { readLog } from "../history-checker.ts";
import type { OpenWorld } from "../store-contract.ts";
import { outcomes, refusal, times } from "../world.ts";

export function readsContract(open: OpenWorld): void {
  test("events are read in commit order, after a position, in pages of any size", async () => {
    const world = await open();
    await Promise.all(times(20, (index) => world.addUser(`user-${index}`)));
    const log = await readLog(world.store, 1_000);
    expect(log).toHaveLength(21);
    expect(await readLog(world.store, 1)).toEqual(log);
    expect(await readLog(world.store, 7)).toEqual(log);
    const middle = log[10]?.position ?? 0;
    expect(await world.store.readEvents(middle, 3)).toEqual(log.slice(11, 14));
    expect(await world.store.readEvents(log.at(-1)?.position ?? 0, 3)).toEqual([]);
  });

  test("a listener hears of each commit once it can be read: position, and whether mail was queued", async () => {
    const world = await open();
    const heard: Commit[] = [];
    const seen: Promise<unknown>[] = [];
    world.store.committed((commit) => {
      heard.push(commit);
      seen.push(world.store.readEvents(commit.position - 1, 1));
    });
    await world.addUser("ada");
    await world.sendCode("ada", { kind: "return" });
    await world.sendCode("ada", { kind: "send" });
    await refusal(world.verify("ada", "WRONG2"));
    const log = await readLog(world.store);
    const positions = log.slice(1).map(({ position }) => position);
    expect(heard.map(({ position }) => position)).toEqual(positions);
    expect(heard.map(({ queuedMail }) => queuedMail)).toEqual([false, false, true, false]);
    expect(await Promise.all(seen)).toEqual(log.slice(1).map((event) => [event]));
  });

  test("a listener of many concurrent writes hears positions that increase, up to the last event", async () => {
    const world = await open();
    const heard: Commit[] = [];
    world.store.committed((commit) => heard.push(commit));
    await Promise.all(
      times(64, (index) => {
        const verification = { kind: index === 40 ? "send" : "none" } as const;
        return world.addUser(`user-${index}`, {
          email: { address: `user-${index}@example.com`, verification },
        });
      }),
    );
    const positions = heard.map(({ position }) => position);
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
    expect(positions.at(-1)).toBe((await readLog(world.store)).at(-1)?.position);
    expect(heard.filter(({ queuedMail }) => queuedMail)).toHaveLength(1);
  });

  test("a listener hears whose users changed, before those who changed them", async () => {
    const world = await open();
    const order: string[] = [];
    world.store.committed(({ changedUsers }) => void order.push(...changedUsers));
    const run = async (userId: string, work: Promise<unknown>) => {
      await work;
      order.push(`${userId} answered`);
    };
    await run("ada", world.addUser("ada"));
    await run("ada", world.sendCode("ada", { kind: "send" }));
    const claimed = await world.store.claimDeliveries(1, world.nowMs, world.nowMs + 1_000);
    await world.settle(...claimed.map((delivery) => ({ ...delivery, outcome: { state: "sent" } as const })));
    await world.addOrganization("other");
    expect(order).toEqual(["ada", "ada answered", "ada", "ada answered"]);
  });

  test("what was rolled back queued no mail", async () => {
    const world = await open();
    await world.addUser("ada");
    const heard: Commit[] = [];
    world.store.committed((commit) => heard.push(commit));
    const command = { type: "email.sendCode", userId: "ada", verification: { kind: "send" } } as const;
    await outcomes([world.run(command)]);
    await world.addOrganization("other");
    expect(heard.some(({ queuedMail }) => queuedMail)).toBe(false);
  });

  test("listeners are independent, and one that was taken off hears nothing more", async () => {
    const world = await open();
    const heard = { stays: 0, goes: 0 };
    world.store.committed(() => heard.stays++);
    const takeOff = world.store.committed(() => heard.goes++);
    await world.addOrganization("org-2");
    takeOff();
    takeOff();
    await world.addOrganization("org-3");
    expect(heard).toEqual({ stays: 2, goes: 1 });
  });

  test("metadata is set always, or if absent", async () => {
    const world = await open();
    expect(await world.store.getMetadata("key")).toBeUndefined();
    expect(await world.store.setMetadata("key", "first", "if absent")).toBe("first");
    expect(await world.store.setMetadata("key", "second", "if absent")).toBe("first");
    expect(await world.store.getMetadata("key")).toBe("first");
    expect(await world.store.setMetadata("key", "third", "always")).toBe("third");
    expect(await world.store.setMetadata("other", "", "always")).toBe("");
    expect(await world.store.getMetadata("key")).toBe("third");
    expect(await world.store.getMetadata("other")).toBe("");
  });

  test("of many that set metadata if absent, one wins and all learn its value", async () => {
    const world = await open();
    const values = await Promise.all(
      times(32, (index) => world.store.setMetadata("key", `value-${index}`, "if absent")),
    );
    expect(new Set(values).size).toBe(1);
    expect(await world.store.getMetadata("key")).toBe(values[0]);
  });

  test("the inbox shows the newest mails first and keeps each delivery once", async () => {
    const world = await open();
    const mail = (index: number) => ({
      deliveryId: `delivery-${index}`,
      receivedAtMs: world.nowMs + index,
      sealed: `sealed ${index} "ä"`,
    });
    expect(await world.store.listInboxMails(10)).toEqual([]);
    for (const index of [1, 2, 3]) await world.store.addInboxMail(mail(index));
    await world.store.addInboxMail({ ...mail(1), receivedAtMs: world.nowMs + 9, sealed: "again" });
    await world.store.addInboxMail(mail(4));
    expect(await world.store.listInboxMails(10)).toEqual([mail(4), mail(3), mail(2), mail(1)]);
    expect(await world.store.listInboxMails(2)).toEqual([mail(4), mail(3)]);
    expect(await world.store.findInboxMail("delivery-1")).toEqual(mail(1));
    expect(await world.store.findInboxMail("delivery-5")).toBeUndefined();
  });

  test("everything is still there after closing and opening again", async () => {
    const world = await open({ maxAttemptsPerClient: 1 });
    await world.addServiceAccount("robot");
    await world.setToken("token-1", "robot", "hash-1");
    await world.addUser("ada", { username: "countess" });
    await world.addUser("gone", { username: "free" });
    await world.run({ type: "user.delete", userId: "gone" });
    await world.sendCode("ada");
    await refusal(world.verify("ada", "WRONG2"));
    await world.store.setMetadata("key", "value", "always");
    await world.store.addInboxMail({ deliveryId: "d", receivedAtMs: 1, sealed: "s" });
    const look = async () => ({
      log: await readLog(world.store),
      user: await world.store.findUser("ada"),
      gone: await world.store.findUser("gone"),
      organization: await world.store.findOrganization("org-1"),
      token: await world.store.findAccessToken("hash-1"),
      claim: await world.store.findClaim({ scope: "username", value: "countess" }),
      list: await world.list(),
      due: await world.store.nextDeliveryDueMs(),
      metadata: await world.store.getMetadata("key"),
      inbox: await world.store.listInboxMails(10),
    });
    const before = await look();
    expect(world.store.isHealthy()).toBe(true);
    expect(before).toMatchObject({ claim: "ada", due: world.nowMs, metadata: "value", list: { total: 1 } });
    await world.reopen();
    expect(await look()).toEqual(before);

    // And life goes on: limits still count, positions and sequences continue.
    const right = world.codeOf("ada");
    expect(await refusal(world.verify("ada", right))).toMatchObject({ name: "CODE_USED_UP" });
    expect((await world.verify("ada", right, { client: "other" })).details.sequence).toBe(4);
    expect(await refusal(world.addUser("eve", { username: "Countess" }))).toMatchObject({
      name: "USERNAME_TAKEN",
    });
    await world.addUser("eve", { username: "free" });
    expect((await world.store.claimDeliveries(10, world.nowMs, world.nowMs + 1)).length).toBe(1);
  });

  test("closing finishes what is queued, then refuses what comes, and may be repeated", async () => {
    const world = await open();
    const calls = outcomes(times(400, (index) => world.addOrganization(`other-${index}`)));
    const { store } = world;
    const closed = Promise.all([store.close(), store.close()]);
    const whileClosing = outcomes([world.addOrganization("late")]);
    expect((await calls).answers).toHaveLength(400);
    await closed;
    // Done or refused, as long as the caller learns which.
    const { answers, errors } = await whileClosing;
    expect(errors).toEqual([]);

    await store.close();
    expect(await refusal(world.addOrganization("too late"))).toMatchObject({ name: "STORE_UNAVAILABLE" });
    expect(await refusal(world.list())).toMatchObject({ name: "STORE_UNAVAILABLE" });
    await world.reopen();
    expect(await world.store.findOrganization("other-399")).toMatchObject({ sequence: 1 });
    expect((await world.store.findOrganization("late")) !== undefined).toBe(answers.length === 1);
    expect(await world.store.findOrganization("too late")).toBeUndefined();
    expect(await readLog(world.store)).toHaveLength(401 + answers.length);
  });
}
