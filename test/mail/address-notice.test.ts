// Notices to old addresses through a real store and a real relay: whatever happens to the user, they are sent.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Dispatcher } from "../../src/mail/dispatcher.ts";
import { createComposer } from "../../src/mail/message.ts";
import { SmtpTransport } from "../../src/mail/smtp/smtp-transport.ts";
import { NOTICE_LIFE_MS } from "../../src/verification/user/address-notice.ts";
import { InlineGateway } from "./inline-gateway.ts";
import { TestLog } from "./log.ts";
import { TestOutbox } from "./outbox.ts";
import { Relay, Refusal } from "./relay.ts";

const OLD = "ada@countersign.dev";
const NEW = "eve@evil.example";

let outbox: TestOutbox;
let log: TestLog;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  log = new TestLog();
  outbox = await TestOutbox.open({ addressChangeNotice: true });
  closing.push(() => outbox.close());
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  expect(log.text).not.toMatch(/ada@|eve@/);
});

async function startRelay(hooks: Parameters<typeof Relay.start>[0] = {}): Promise<Relay> {
  const relay = await Relay.start(hooks);
  closing.push(() => relay.stop());
  return relay;
}

function dispatch(relay: Relay): Dispatcher {
  const { store, environments, keyring } = outbox;
  const transport = new SmtpTransport({
    relays: [{ host: "127.0.0.1", port: relay.port, secure: false }],
    logger: log.logger,
  });
  const composer = createComposer({ from: { name: "Example", address: "no-reply@localhost" } });
  const gateway = new InlineGateway(composer, transport);
  const dispatcher = new Dispatcher({
    store,
    environments,
    keyring,
    gateway,
    logger: log.logger,
    random: () => 0,
  });
  closing.push(
    () => transport.close(),
    () => dispatcher.stop(0),
  );
  dispatcher.start();
  return dispatcher;
}

/** A user whose verified address was changed. @returns its id, and the id of the notice */
async function changedUser(): Promise<{ userId: string; deliveryId: string }> {
  const userId = await outbox.addUser(OLD);
  const { code, deliveryId: codeMail } = await outbox.sendCode(userId);
  await outbox.verify(userId, code);
  await outbox.store.changeDelivery(
    { kind: "cancel", deliveryId: codeMail, by: "test" },
    outbox.clock.nowMs(),
  );
  const env = outbox.environments.withNotice(outbox.environments.plain({ kind: "system" }), "de");
  await outbox.store.execute(
    { type: "email.set", userId, address: NEW, verification: { kind: "none" } },
    env,
  );
  return { userId, deliveryId: env.newNotice?.deliveryId ?? "" };
}

test("it reaches the old address, in the language that was asked for, with neither code nor link", async () => {
  const relay = await startRelay();
  const { deliveryId } = await changedUser();
  dispatch(relay);
  await outbox.reaches(deliveryId, "sent");
  const { parsed, envelopeTo } = await relay.mail();
  expect(envelopeTo).toEqual([OLD]);
  expect(parsed.subject).toBe("Ihre E-Mail-Adresse wurde geändert");
  expect(parsed.text).toContain("Jetzt: e***@evil.example");
  expect(parsed.text).toContain(`Bisher: ${OLD}`);
  expect(`${parsed.text}${String(parsed.html)}`).not.toMatch(/eve@|https?:|\b[A-Z0-9]{6}\b/);
  expect(parsed.headers.get("auto-submitted")).toBe("auto-generated");
  const history = await outbox.store.findDelivery(deliveryId);
  expect(history?.delivery).toMatchObject({ kind: "notice", state: "sent", attempts: 1 });
});

test.each<[string, (userId: string) => Promise<unknown>]>([
  ["the user is deleted", (userId) => outbox.deleteUser(userId)],
  ["the address is changed once more", (userId) => outbox.setEmail(userId, "third@countersign.dev")],
  ["the address is changed back", (userId) => outbox.setEmail(userId, OLD)],
  [
    "a code is sent to the new address, and used",
    async (userId) => {
      const { code } = await outbox.sendCode(userId);
      await outbox.verify(userId, code);
    },
  ],
  [
    "the user is locked",
    (userId) =>
      outbox.store.execute({ type: "user.lock", userId }, outbox.environments.plain({ kind: "system" })),
  ],
])("it is sent though %s before", async (_row, change) => {
  const relay = await startRelay();
  const { userId, deliveryId } = await changedUser();
  await change(userId);
  dispatch(relay);
  await outbox.reaches(deliveryId, "sent");
  expect(relay.recipients).toContain(OLD);
});

test("a change of the user while the relay thinks takes nothing back", async () => {
  const relayWaits = Promise.withResolvers<void>();
  const relayAsked = Promise.withResolvers<void>();
  const relay = await startRelay({
    async beforeAccept() {
      relayAsked.resolve();
      await relayWaits.promise;
    },
  });
  const { userId, deliveryId } = await changedUser();
  dispatch(relay);
  await relayAsked.promise;
  await outbox.deleteUser(userId);
  relayWaits.resolve();
  await outbox.reaches(deliveryId, "sent");
  expect(relay.mails).toHaveLength(1);
});

test("a relay that wants it later gets it later, the same mail", async () => {
  let refusals = 1;
  const ids: unknown[] = [];
  const relay = await startRelay({
    beforeAccept({ parsed }) {
      ids.push(parsed.messageId);
      if (refusals-- > 0) throw new Refusal(451, "4.7.1 come back later");
    },
  });
  const { userId, deliveryId } = await changedUser();
  const dispatcher = dispatch(relay);
  await outbox.reaches(deliveryId, "retrying");
  await outbox.deleteUser(userId);
  outbox.clock.offsetMs += 600_000;
  dispatcher.wake();
  await outbox.reaches(deliveryId, "sent");
  expect(new Set(ids).size).toBe(1);
});

test("its time ends it, and a person's word", async () => {
  const relay = await startRelay();
  const late = await changedUser();
  outbox.clock.offsetMs += NOTICE_LIFE_MS + 1;
  dispatch(relay);
  expect(await outbox.reaches(late.deliveryId, "expired")).toMatchObject({
    problem: "its time was over before it was sent",
  });
  expect(relay.mails).toEqual([]);
});
