// A dispatcher that claims a row anew while it writes down how its last send of that row ended: the two answers cross.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Dispatcher } from "../../src/mail/dispatcher.ts";
import type { MailTransport, SendOutcome } from "../../src/mail/mail-transport.ts";
import { createComposer } from "../../src/mail/message.ts";
import type { Store } from "../../src/store/store.ts";
import { InlineGateway } from "./inline-gateway.ts";
import { TestLog } from "./log.ts";
import { TestOutbox } from "./outbox.ts";

const LEASE_MS = 60_000;
const MAX_SEND_MS = 10_000;
const ACCEPTED: SendOutcome = { kind: "accepted", tries: [] };

let outbox: TestOutbox;
let dispatcher: Dispatcher | undefined;

beforeEach(async () => {
  outbox = await TestOutbox.open();
});

afterEach(async () => {
  await dispatcher?.stop(0);
  await outbox.close();
});

/** A store whose answers to the named calls come when the test lets them. The calls themselves are made at once. */
class SlowAnswers {
  readonly store: Store;
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();
  readonly #made = new Map<string, PromiseWithResolvers<void>>();

  constructor(store: Store) {
    this.store = new Proxy(store, {
      get: (target, name: keyof Store) => {
        const member = target[name] as unknown;
        if (typeof member !== "function") return member;
        return (...values: unknown[]) => {
          const answer: unknown = Reflect.apply(member, target, values);
          const gate = this.#gates.get(name);
          return gate === undefined ? answer : this.#late(name, answer, gate);
        };
      },
    });
  }

  /** The next answers of this call wait. @returns resolves when the first of them is there, and waits */
  hold(name: keyof Store): Promise<void> {
    const made = Promise.withResolvers<void>();
    this.#gates.set(name, Promise.withResolvers());
    this.#made.set(name, made);
    return made.promise;
  }

  letGo(name: keyof Store): void {
    const gate = this.#gates.get(name);
    this.#gates.delete(name);
    gate?.resolve();
  }

  async #late(name: string, answer: unknown, gate: PromiseWithResolvers<void>): Promise<unknown> {
    const result = await answer;
    this.#made.get(name)?.resolve();
    await gate.promise;
    return result;
  }
}

class OneByOne implements MailTransport {
  readonly description = "one by one";
  readonly connections = 5;
  sent = 0;
  readonly asked = Promise.withResolvers<void>();
  readonly taken = Promise.withResolvers<void>();
  /** Before the permit is asked for. */
  readonly connected: Promise<void>;
  readonly reply: Promise<void>;

  constructor(connected: Promise<void>, reply: Promise<void>) {
    this.connected = connected;
    this.reply = reply;
  }

  async send(...[, permit]: Parameters<MailTransport["send"]>): Promise<SendOutcome> {
    this.asked.resolve();
    await this.connected;
    if (!(await permit.take())) return { kind: "withdrawn" };
    this.sent += 1;
    this.taken.resolve();
    await this.reply;
    return ACCEPTED;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function dispatch(store: Store, transport: MailTransport): Dispatcher {
  const { environments, keyring } = outbox;
  const composer = createComposer({ from: { name: "Countersign", address: "no-reply@localhost" } });
  dispatcher = new Dispatcher({
    store,
    environments,
    keyring,
    gateway: new InlineGateway(composer, transport),
    logger: new TestLog().logger,
    leaseMs: LEASE_MS,
    maxSendMs: MAX_SEND_MS,
    // Its time is the real one, which the tests' clock leaves behind.
    lookHoldsMs: 0,
  });
  dispatcher.start();
  return dispatcher;
}

test("a mail is taken by the relay while its row is claimed anew: recorded under the new lease, and sent once", async () => {
  const slow = new SlowAnswers(outbox.store);
  const reply = Promise.withResolvers<void>();
  const transport = new OneByOne(Promise.resolve(), reply.promise);
  dispatch(slow.store, transport);
  const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
  await transport.taken.promise;

  // The process was stopped past the lease; the row is claimed anew, and the relay's reply comes before that is known.
  const claimed = slow.hold("claimDeliveries");
  outbox.clock.offsetMs += LEASE_MS + 1;
  dispatcher?.wake();
  await claimed;
  const settled = slow.hold("settleDeliveries");
  reply.resolve();
  await settled;
  slow.letGo("claimDeliveries");
  slow.letGo("settleDeliveries");

  await outbox.reaches(deliveryId, "sent", 2);
  expect(transport.sent).toBe(1);
});

test("a mail is released and at once claimed anew, before its release is known: it is sent", async () => {
  const slow = new SlowAnswers(outbox.store);
  const connected = Promise.withResolvers<void>();
  const transport = new OneByOne(connected.promise, Promise.resolve());
  dispatch(slow.store, transport);
  const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
  await transport.asked.promise;

  // The connection came too late for this lease.
  outbox.clock.offsetMs += LEASE_MS - MAX_SEND_MS + 1;
  const settled = slow.hold("settleDeliveries");
  // Before the release, which may be committed, and so claimed, sooner than its answer is looked at here.
  const claimed = slow.hold("claimDeliveries");
  connected.resolve();
  await settled;
  dispatcher?.wake();
  await claimed;
  slow.letGo("claimDeliveries");
  // The claim's answer is handled before the settlement's.
  await new Promise((resolve) => setImmediate(resolve));
  slow.letGo("settleDeliveries");

  await outbox.reaches(deliveryId, "sent", 1);
  expect(transport.sent).toBe(1);
});
