// The dev inbox from the command to the reader, on a real store.
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { DevInboxTransport } from "../../src/mail/dev-inbox.ts";
import { Dispatcher } from "../../src/mail/dispatcher.ts";
import { Inbox } from "../../src/mail/inbox/inbox.ts";
import { createComposer } from "../../src/mail/message.ts";
import type { InboxQuery, InboxWait } from "../../src/store/inbox.ts";
import { Keyring } from "../../src/store/keyring.ts";
import { InlineGateway } from "./inline-gateway.ts";
import { TestLog } from "./log.ts";
import { mailRequest } from "./mail-request.ts";
import { TestOutbox } from "./outbox.ts";

const compose = createComposer({ from: { name: "Countersign", address: "no-reply@localhost" } });
const LONG_MS = 30_000;

let outbox: TestOutbox;
let log: TestLog;
let inbox: Inbox;
let dispatcher: Dispatcher;

beforeEach(async () => {
  log = new TestLog();
  outbox = await TestOutbox.open();
  inbox = inboxWith();
  const { store, environments, keyring } = outbox;
  const gateway = new InlineGateway(compose, new DevInboxTransport((mail) => inbox.keep(mail)));
  dispatcher = new Dispatcher({ store, environments, keyring, gateway, logger: log.logger });
  dispatcher.start();
});

afterEach(async () => {
  inbox.close();
  await dispatcher.stop();
  await outbox.close();
});

/** Another one on the same store knows nothing but what is stored, as after a restart. */
function inboxWith(options: { keyring?: Keyring; maxWaiting?: number } = {}): Inbox {
  const { store, keyring, clock } = outbox;
  return new Inbox({ store, keyring, nowMs: clock.nowMs, logger: log.logger, ...options });
}

async function mailTo(address: string) {
  return mailAgain(await outbox.addUser(address));
}

async function mailAgain(userId: string) {
  const sent = await outbox.sendCode(userId);
  await outbox.reaches(sent.deliveryId, "sent");
  return { userId, ...sent };
}

function waitFor(wait: Partial<InboxWait>, on = inbox) {
  return on.waitFor({ timeoutMs: LONG_MS, signal: new AbortController().signal, ...wait });
}

/** Resolves once so many wait: until then a mail would be there before them. */
async function waiting(count: number): Promise<void> {
  while (inbox.waiting !== count) await new Promise((resolve) => setImmediate(resolve));
}

describe("a mail", () => {
  test("can be read with all that was in it", async () => {
    const { userId, code, deliveryId } = await mailTo("ada@example.com");
    const link = `http://127.0.0.1:8080/verify?code=${code}&orgId=org1&userId=${userId}`;
    const summary = {
      mailId: deliveryId,
      receivedAtMs: expect.any(Number),
      from: "Countersign <no-reply@localhost>",
      to: "ada@example.com",
      subject: "Verify your email address",
      code,
      link,
      userId,
      organizationId: "org1",
      locale: "en",
      messageId: `<${deliveryId}@localhost>`,
    };
    expect(await inbox.list({ limit: 10 })).toEqual({ mails: [summary], hasMore: false });
    const mail = await inbox.find(deliveryId);
    expect(mail).toEqual({
      ...summary,
      text: expect.stringContaining(`\n${code}\n`),
      html: expect.stringContaining(code),
      source: expect.any(Uint8Array),
    });
    const parsed = await simpleParser(Buffer.from(mail?.source ?? ""));
    expect(parsed).toMatchObject({ subject: "Verify your email address", messageId: summary.messageId });
    expect(parsed.text?.trim()).toBe(mail?.text.trim());
    expect(parsed.headers.get("auto-submitted")).toBe("auto-generated");
  });

  test("that is not there is not found", async () => {
    expect(await inbox.find("d1")).toBeUndefined();
  });

  test("that shows no link has none, and a test mail has no code", async () => {
    const codeOnly = createComposer({ from: { name: "", address: "no-reply@localhost" }, codeOnly: true });
    await inbox.keep(codeOnly(mailRequest({ deliveryId: "code-only" })));
    await inbox.keep(compose(mailRequest({ deliveryId: "test", kind: "test", code: "TEST", link: "" })));
    expect((await inbox.list({ limit: 10 })).mails).toMatchObject([
      { mailId: "test", code: "", link: "" },
      { mailId: "code-only", code: "ABC234", link: "" },
    ]);
  });

  test("lies sealed on disk, under its delivery", async () => {
    const { code, deliveryId } = await mailTo("ada@example.com");
    const [sealed] = await outbox.store.listInboxMails(1);
    expect(JSON.parse(outbox.keyring.open(sealed?.sealed ?? "", deliveryId))).toMatchObject({
      request: { code },
    });
    expect(() => outbox.keyring.open(sealed?.sealed ?? "", "another")).toThrow();
    expect(outbox.bytesOnDisk()).not.toContain(code);
    expect(outbox.bytesOnDisk()).not.toContain("Verify your email");
  });

  test("whose key is gone is left out, with one line in the log", async () => {
    const lost = await mailTo("lost@example.com");
    const later = inboxWith({ keyring: new Keyring([Buffer.alloc(32, 9)]) });
    expect(await later.list({ limit: 10 })).toEqual({ mails: [], hasMore: false });
    expect(await later.list({ limit: 10 })).toEqual({ mails: [], hasMore: false });
    const lines = log.lines.filter(({ msg }) => msg === "inbox mail cannot be opened");
    expect(lines).toMatchObject([{ deliveryId: lost.deliveryId }]);
    expect(await later.find(lost.deliveryId)).toBeUndefined();
    expect(log.text).not.toContain(lost.code);
  });

  test("to an address that no relay would take has a source all the same", async () => {
    await inbox.keep(compose(mailRequest({ deliveryId: "d", recipient: '"<b>"@example.com' })));
    const mail = await inbox.find("d");
    expect(Buffer.from(mail?.source ?? "").toString()).toContain('<"<b>"@example.com>');
  });

  test("comes once, however often it is delivered", async () => {
    const mail = compose(mailRequest());
    await inbox.list({ limit: 1 });
    await inbox.keep(mail);
    await inbox.keep(mail);
    expect((await inbox.list({ limit: 10 })).mails).toHaveLength(1);
    expect((await inboxWith().list({ limit: 10 })).mails).toHaveLength(1);
  });

  test("that cannot be stored is tried later", async () => {
    const store = {
      addInboxMail: () => Promise.reject(new Error("full: ada@example.com")),
      listInboxMails: () => Promise.resolve([]),
      findInboxMail: () => Promise.resolve(undefined),
    };
    const { keyring } = outbox;
    const broken = new Inbox({ store, keyring, logger: log.logger, nowMs: Date.now });
    const transport = new DevInboxTransport((mail) => broken.keep(mail));
    expect(
      await transport.send(compose(mailRequest()), { take: () => Promise.resolve(true), arrived() {} }),
    ).toMatchObject({ kind: "transient", problem: "the inbox cannot be written: Error" });
  });
});

describe("a list", () => {
  // Read before and after the mails came: once from what was kept, once from the store.
  test.each(["before", "after"] as const)("that is first read %s the mails has them all", async (when) => {
    if (when === "before") await inbox.list({ limit: 1 });
    const first = await mailTo("Ada@Example.com");
    const second = await mailTo("grace@example.com");
    const third = await mailTo("ada+2@example.com");
    const [newest, middle, oldest] = [third.deliveryId, second.deliveryId, first.deliveryId];
    const ids = async (query: Partial<InboxQuery>) => {
      const { mails, hasMore } = await inbox.list({ limit: 10, ...query });
      return [...mails.map(({ mailId }) => mailId), ...(hasMore ? ["more"] : [])];
    };
    expect(await ids({})).toEqual([newest, middle, oldest]);
    expect(await ids({ limit: 2 })).toEqual([newest, middle, "more"]);
    expect(await ids({ limit: 3 })).toEqual([newest, middle, oldest]);
    expect(await ids({ limit: 1, to: "aDA@example.com" })).toEqual([oldest]);
    expect(await ids({ to: "ada" })).toEqual([]);
    expect(await ids({ search: "ADA" })).toEqual([newest, oldest]);
    expect(await ids({ search: "@example.com", beforeMailId: newest })).toEqual([middle, oldest]);
    expect(await ids({ beforeMailId: oldest })).toEqual([]);
    expect(await ids({ beforeMailId: "unknown" })).toEqual([]);
    expect(await ids({ organizationIds: ["org2", "org1"] })).toHaveLength(3);
    expect(await ids({ organizationIds: ["org2"] })).toEqual([]);
    expect(await ids({ organizationIds: [] })).toEqual([]);
  });

  test("opens no mail but to learn once what is there", async () => {
    await mailTo("ada@example.com");
    let opened = 0;
    const { store, keyring } = outbox;
    const counting = {
      addInboxMail: store.addInboxMail.bind(store),
      listInboxMails: (limit: number) => {
        opened += 1;
        return store.listInboxMails(limit);
      },
      findInboxMail: store.findInboxMail.bind(store),
    };
    const later = new Inbox({ store: counting, keyring, logger: log.logger, nowMs: Date.now });
    await Promise.all([later.list({ limit: 5 }), later.list({ limit: 5 })]);
    await later.keep(compose(mailRequest()));
    expect((await later.list({ limit: 5 })).mails).toHaveLength(2);
    expect(opened).toBe(1);
  });

  test("is asked for again after the store was away", async () => {
    let isAway = true;
    const { store, keyring } = outbox;
    const flaky = {
      addInboxMail: store.addInboxMail.bind(store),
      findInboxMail: store.findInboxMail.bind(store),
      listInboxMails: (limit: number) =>
        isAway ? Promise.reject(new Error("away")) : store.listInboxMails(limit),
    };
    const later = new Inbox({ store: flaky, keyring, logger: log.logger, nowMs: Date.now });
    await expect(later.list({ limit: 5 })).rejects.toThrow("away");
    await later.keep(compose(mailRequest()));
    isAway = false;
    expect((await later.list({ limit: 5 })).mails).toHaveLength(1);
  });

  test("holds the newest 500, as the store does", async () => {
    await inbox.list({ limit: 1 });
    const keep = (index: number) => inbox.keep(compose(mailRequest({ deliveryId: `d${index}` })));
    for (let start = 0; start < 510; start += 51) {
      await Promise.all(Array.from({ length: 51 }, (_, index) => keep(start + index)));
    }
    const { mails } = await inbox.list({ limit: 1_000 });
    expect(mails).toHaveLength(500);
    expect(mails[0]?.mailId).toBe("d509");
    expect((await inboxWith().list({ limit: 1_000 })).mails.map(({ mailId }) => mailId)).toEqual(
      mails.map(({ mailId }) => mailId),
    );
  });
});

describe("who waits", () => {
  test("gets the newest mail that is there", async () => {
    const { userId } = await mailTo("ada@example.com");
    const newest = await mailAgain(userId);
    await mailTo("grace@example.com");
    expect(await waitFor({ to: "ADA@example.com" })).toMatchObject({ mailId: newest.deliveryId });
    expect(inbox.waiting).toBe(0);
  });

  test("gets the first that comes and fits, whoever else waits", async () => {
    const old = await mailTo("ada@example.com");
    const wait = waitFor({ to: "ada@example.com", afterMailId: old.deliveryId });
    const others = [waitFor({ search: "grace" }), waitFor({ to: "ada@example.com", organizationIds: ["x"] })];
    await waiting(3);
    const grace = await mailTo("grace@example.com");
    expect(await others[0]).toMatchObject({ mailId: grace.deliveryId });
    const newest = await mailAgain(old.userId);
    expect(await wait).toMatchObject({ mailId: newest.deliveryId });
    expect(inbox.waiting).toBe(1);
    inbox.close();
    await expect(others[1]).rejects.toMatchObject({ failure: { name: "SHUTTING_DOWN" } });
    await expect(waitFor({})).resolves.toBeDefined();
    await expect(waitFor({ to: "nobody@example.com" })).rejects.toMatchObject({
      failure: { name: "SHUTTING_DOWN" },
    });
  });

  test("gets one that came later than a time, to the millisecond", async () => {
    const { deliveryId } = await mailTo("ada@example.com");
    const { receivedAtMs = 0 } = (await inbox.find(deliveryId)) ?? {};
    const look = (receivedAfterMs: number) => waitFor({ receivedAfterMs, timeoutMs: 0 });
    expect(await look(receivedAtMs - 1)).toMatchObject({ mailId: deliveryId });
    expect(await look(receivedAtMs)).toBeUndefined();
  });

  test("gets nothing when the time is over, or has none", async () => {
    expect(await waitFor({ timeoutMs: 20 })).toBeUndefined();
    expect(await waitFor({ timeoutMs: 0 })).toBeUndefined();
    expect(inbox.waiting).toBe(0);
  });

  test("is told that the mail to come after is unknown", async () => {
    await expect(waitFor({ afterMailId: "unknown" })).rejects.toMatchObject({
      failure: { name: "INBOX_MAIL_NOT_FOUND" },
    });
  });

  test("may go away, which makes room", async () => {
    const small = inboxWith({ maxWaiting: 1 });
    const controller = new AbortController();
    const gone = waitFor({ signal: controller.signal }, small);
    while (small.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    await expect(waitFor({}, small)).rejects.toMatchObject({
      failure: { name: "TOO_MANY_WAITING", retryAfterMs: expect.any(Number) },
    });
    controller.abort(new Error("went away"));
    await expect(gone).rejects.toThrow("went away");
    await expect(waitFor({ signal: controller.signal }, small)).rejects.toThrow("went away");
    expect(small.waiting).toBe(0);
    expect(await waitFor({ timeoutMs: 1 }, small)).toBeUndefined();
  });
});
