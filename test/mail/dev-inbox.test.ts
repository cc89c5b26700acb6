// The dev inbox from the command to the reader, on a real store.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createInboxKeeper, DevInboxTransport, readInbox } from "../../src/mail/dev-inbox.ts";
import { Dispatcher } from "../../src/mail/dispatcher.ts";
import { createComposer } from "../../src/mail/message.ts";
import { Keyring } from "../../src/store/keyring.ts";
import { InlineGateway } from "./inline-gateway.ts";
import { TestLog } from "./log.ts";
import { mailRequest } from "./mail-request.ts";
import { TestOutbox } from "./outbox.ts";

let outbox: TestOutbox;
let log: TestLog;
let dispatcher: Dispatcher;

beforeEach(async () => {
  log = new TestLog();
  outbox = await TestOutbox.open();
  const { store, environments, keyring, clock } = outbox;
  const compose = createComposer({ from: { name: "Countersign", address: "no-reply@localhost" } });
  const keep = createInboxKeeper({ store, keyring, nowMs: clock.nowMs });
  const gateway = new InlineGateway(compose, new DevInboxTransport(keep));
  dispatcher = new Dispatcher({ store, environments, keyring, gateway, logger: log.logger });
  dispatcher.start();
});

afterEach(async () => {
  await dispatcher.stop();
  await outbox.close();
});

async function mailTo(address: string) {
  const userId = await outbox.addUser(address);
  const sent = await outbox.sendCode(userId);
  await outbox.reaches(sent.deliveryId, "sent");
  return { userId, ...sent };
}

function read(query: { limit: number; to?: string }, keyring: Keyring = outbox.keyring) {
  return readInbox({ store: outbox.store, keyring, logger: log.logger }, query);
}

test("a mail can be read with all that was in it", async () => {
  const { userId, code, deliveryId } = await mailTo("ada@example.com");
  const mails = await read({ limit: 10 });
  const link = `http://127.0.0.1:8080/verify?code=${code}&orgId=org1&userId=${userId}`;
  expect(mails).toEqual([
    {
      deliveryId,
      receivedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      from: "Countersign <no-reply@localhost>",
      to: "ada@example.com",
      subject: "Verify your email address",
      text: expect.stringContaining(`\n${code}\n`),
      html: expect.stringContaining(code),
      code,
      link,
    },
  ]);
});

test("newest first, so many, and by address whatever its case", async () => {
  const first = await mailTo("Ada@Example.com");
  const second = await mailTo("grace@example.com");
  const third = await mailTo("ada+2@example.com");
  const ids = async (query: { limit: number; to?: string }) =>
    (await read(query)).map(({ deliveryId }) => deliveryId);
  expect(await ids({ limit: 10 })).toEqual([third.deliveryId, second.deliveryId, first.deliveryId]);
  expect(await ids({ limit: 2 })).toEqual([third.deliveryId, second.deliveryId]);
  expect(await ids({ limit: 1, to: "aDA@example.com" })).toEqual([first.deliveryId]);
  expect(await ids({ limit: 10, to: "ada" })).toEqual([]);
});

test("mails lie sealed on disk, each under its delivery", async () => {
  const { code, deliveryId } = await mailTo("ada@example.com");
  const [sealed] = await outbox.store.listInboxMails(1);
  expect(JSON.parse(outbox.keyring.open(sealed?.sealed ?? "", deliveryId))).toMatchObject({
    request: { code },
  });
  expect(() => outbox.keyring.open(sealed?.sealed ?? "", "another")).toThrow();
  expect(outbox.bytesOnDisk()).not.toContain(code);
  expect(outbox.bytesOnDisk()).not.toContain("Verify your email");
});

test("a mail whose key is gone is left out, with a line in the log", async () => {
  const lost = await mailTo("lost@example.com");
  const newKey = new Keyring([Buffer.alloc(32, 9)]);
  expect(await read({ limit: 10 }, newKey)).toEqual([]);
  expect(log.lines.at(-1)).toMatchObject({ deliveryId: lost.deliveryId, msg: "inbox mail cannot be opened" });
  expect(log.text).not.toContain(lost.code);
});

test("a store that is away is a reason to try later", async () => {
  const store = { addInboxMail: () => Promise.reject(new Error("disk full: ada@example.com")) };
  const keep = createInboxKeeper({ store, keyring: outbox.keyring, nowMs: Date.now });
  const mail = createComposer({ from: { name: "", address: "no-reply@localhost" } })(mailRequest());
  const permit = { take: () => Promise.resolve(true) };
  expect(await new DevInboxTransport(keep).send(mail, permit)).toMatchObject({
    kind: "transient",
    problem: "the inbox cannot be written: Error",
  });
});

test("the same delivery twice is one mail", async () => {
  await mailTo("ada@example.com");
  const [mail] = await outbox.store.listInboxMails(1);
  if (mail === undefined) throw new Error("no mail");
  await outbox.store.addInboxMail(mail);
  expect(await read({ limit: 10 })).toHaveLength(1);
});
