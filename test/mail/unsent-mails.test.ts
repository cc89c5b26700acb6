// Mails that no relay is asked to take, with a real store and a real relay: reserved domains, cancelled and late ones.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Dispatcher } from "../../src/mail/dispatcher.ts";
import { createComposer } from "../../src/mail/message.ts";
import { SmtpTransport } from "../../src/mail/smtp/smtp-transport.ts";
import { InlineGateway } from "./inline-gateway.ts";
import { TestLog } from "./log.ts";
import { TestOutbox } from "./outbox.ts";
import { friendly, ScriptedRelay } from "./relay.ts";

class GatewayBeyond extends InlineGateway {
  readonly leavesMachine = true;
}

let outbox: TestOutbox;
let relay: ScriptedRelay;
const log = new TestLog();
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  outbox = await TestOutbox.open();
  relay = await ScriptedRelay.start(friendly());
  closing.push(
    () => outbox.close(),
    () => relay.stop(),
  );
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A dispatcher whose mails leave the machine, or are thought to. */
function dispatch(Gateway: typeof InlineGateway): Dispatcher {
  const { store, environments, keyring } = outbox;
  const transport = new SmtpTransport({
    relays: [{ host: "127.0.0.1", port: relay.port, secure: false }],
    logger: log.logger,
  });
  const composer = createComposer({ from: { name: "Countersign", address: "no-reply@localhost" } });
  const gateway = new Gateway(composer, transport);
  const dispatcher = new Dispatcher({ store, environments, keyring, gateway, logger: log.logger });
  closing.push(
    () => transport.close(),
    () => dispatcher.stop(0),
  );
  dispatcher.start();
  return dispatcher;
}

async function addTestMail(recipient: string, expiresAtMs: number): Promise<string> {
  const deliveryId = outbox.environments.newDeliveryId();
  const { nowMs } = outbox.clock;
  await outbox.store.changeDelivery(
    {
      kind: "test",
      deliveryId,
      organizationId: "org1",
      recipient,
      expiresAtMs,
      allowsSuppressed: false,
      maxPerHour: 0,
    },
    nowMs(),
  );
  return deliveryId;
}

test("a reserved domain is told to no relay beyond this machine, and the row says why", async () => {
  dispatch(GatewayBeyond);
  const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@shop.example.org"));
  const { problem, sealedCode } = await outbox.reaches(deliveryId, "cancelled");
  expect(problem).toBe("reserved: no mailbox is in example.org (RFC 2606, RFC 6761), so no relay was asked");
  expect(sealedCode).toBeNull();
  const history = await outbox.store.findDelivery(deliveryId);
  expect(history?.timeline).toMatchObject([{ event: { kind: "ended", state: "cancelled", problem } }]);

  // Another mail finds the way, so the relay was there all along.
  const other = await outbox.sendCode(await outbox.addUser("ada@countersign.dev"));
  await outbox.reaches(other.deliveryId, "sent");
  expect(relay.connections).toBe(1);
  expect(relay.lines.filter((line) => line.startsWith("RCPT"))).toEqual(["RCPT TO:<ada@countersign.dev>"]);
});

test("a relay of this machine gets reserved domains too", async () => {
  dispatch(InlineGateway);
  const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@shop.example.org"));
  await outbox.reaches(deliveryId, "sent");
});

test("a test mail whose time is over is not sent", async () => {
  const late = await addTestMail("ada@countersign.dev", outbox.clock.nowMs() - 1);
  dispatch(InlineGateway);
  expect(await outbox.reaches(late, "expired")).toMatchObject({
    problem: "its time was over before it was sent",
  });
  expect(relay.connections).toBe(0);
});

test("a mail that was cancelled while its sender was away is not sent", async () => {
  const { store } = outbox;
  const cancelled = await addTestMail("ada@countersign.dev", outbox.clock.nowMs() + 60_000);
  const nowMs = outbox.clock.nowMs();
  await store.claimDeliveries(1, nowMs, nowMs + 60_000);
  await store.changeDelivery({ kind: "cancel", deliveryId: cancelled, by: "operator" }, nowMs);
  // Its lease ends, and the next dispatcher takes it.
  outbox.clock.offsetMs += 60_001;
  dispatch(InlineGateway);
  expect(await outbox.reaches(cancelled, "cancelled")).toMatchObject({ problem: "cancelled by operator" });
  expect(relay.connections).toBe(0);
});
