// Every arrow of the outbox, with a real store, a real relay, and a clock that the tests move.
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Socket } from "node:net";
import { Dispatcher, type DispatcherOptions } from "../../src/mail/dispatcher.ts";
import type { HandOverPermit, MailTransport, SendOutcome } from "../../src/mail/mail-transport.ts";
import { createComposer, type Compose, type Mail } from "../../src/mail/message.ts";
import { RETRY_DELAYS, type RetryDelay } from "../../src/mail/retry-policy.ts";
import { SmtpTransport } from "../../src/mail/smtp/smtp-transport.ts";
import { Keyring } from "../../src/store/keyring.ts";
import type { Store } from "../../src/store/store.ts";
import { failure, FailureError } from "../../src/verification/failures.ts";
import { InlineGateway } from "./inline-gateway.ts";
import { TestLog } from "./log.ts";
import { CODE_TTL_MS, TestOutbox } from "./outbox.ts";
import { friendly, Refusal, Relay, ScriptedRelay, type RelayHooks } from "./relay.ts";

const FROM = { name: "Countersign", address: "no-reply@localhost" };
const LEASE_MS = 60_000;
const LEASE = { leaseMs: LEASE_MS, maxSendMs: 10_000, lookHoldsMs: 0 };

let outbox: TestOutbox;
let log: TestLog;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  log = new TestLog();
  outbox = await TestOutbox.open();
  closing.push(() => outbox.close());
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startRelay(hooks?: RelayHooks, port?: number): Promise<Relay> {
  const relay = await Relay.start(hooks, port);
  closing.push(() => relay.stop());
  return relay;
}

function smtp(port: number, connections = 5): SmtpTransport {
  const relays = [{ host: "127.0.0.1", port, secure: false }];
  const { nowMs } = outbox.clock;
  const transport = new SmtpTransport({ relays, logger: log.logger, connections, nowMs });
  closing.push(() => transport.close());
  return transport;
}

interface TestOptions extends Partial<DispatcherOptions> {
  readonly compose?: Compose;
}

function dispatch(transport: MailTransport, { compose, ...options }: TestOptions = {}): Dispatcher {
  const { store, environments, keyring } = outbox;
  const dispatcher = new Dispatcher({
    store,
    environments,
    keyring,
    gateway: new InlineGateway(compose ?? createComposer({ from: FROM }), transport),
    logger: log.logger,
    ...options,
  });
  closing.push(() => dispatcher.stop(0));
  dispatcher.start();
  return dispatcher;
}

/** Moves the clock and lets the dispatcher look again. */
function pass(dispatcher: Dispatcher, ms: number): void {
  outbox.clock.offsetMs += ms;
  dispatcher.wake();
}

/** A transport that does what the test says, mail by mail. */
class ManualTransport implements MailTransport {
  readonly description = "manual";
  readonly connections: number;
  readonly mails: Mail[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #answer: (mail: Mail) => Promise<SendOutcome>;

  constructor(answer: (mail: Mail) => Promise<SendOutcome>, connections = 5) {
    this.#answer = answer;
    this.connections = connections;
  }

  async send(mail: Mail, permit: HandOverPermit): Promise<SendOutcome> {
    if (!(await permit.take())) return { kind: "withdrawn" };
    this.mails.push(mail);
    for (const look of this.#waiting) look();
    return this.#answer(mail);
  }

  /** Resolves once so many mails were handed over. */
  hasTaken(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.mails.length < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const accepted: SendOutcome = { kind: "accepted", tries: [] };
/** With chance at its middle. */
const GREYLISTED_MS = (RETRY_DELAYS.greylisted.minMs + RETRY_DELAYS.greylisted.maxMs) / 2;
const DELAY: RetryDelay = { minMs: 5_000, maxMs: 5_000, capMs: 600_000 };

function permanent(problem: string): SendOutcome {
  return { kind: "permanent", problem, tries: [] };
}

function transient(problem: string, delay = DELAY): SendOutcome {
  return { kind: "transient", problem, tries: [], delay };
}

describe("queued -> sending -> sent", () => {
  test("a mail that waits since before the start arrives with code and link", async () => {
    const userId = await outbox.addUser("ada@example.com");
    const { code, deliveryId } = await outbox.sendCode(userId);
    const relay = await startRelay();
    dispatch(smtp(relay.port));

    const { parsed, envelopeFrom, envelopeTo } = await relay.mail();
    expect(envelopeFrom).toBe("no-reply@localhost");
    expect(envelopeTo).toEqual(["ada@example.com"]);
    expect(parsed.text?.split("\n")).toEqual(
      expect.arrayContaining([
        "Hello Ada Lovelace,",
        code,
        `http://127.0.0.1:8080/verify?code=${code}&orgId=org1&userId=${userId}`,
      ]),
    );
    expect(parsed.messageId).toBe(`<${deliveryId}@localhost>`);
    expect(await outbox.reaches(deliveryId, "sent")).toMatchObject({
      attempt: 1,
      dueAtMs: null,
      problem: null,
    });
  });

  test("a mail queued later is sent without delay, and its code verifies", async () => {
    const relay = await startRelay();
    dispatch(smtp(relay.port));
    const userId = await outbox.addUser("ada@example.com");
    const { deliveryId } = await outbox.sendCode(userId);
    const { parsed } = await relay.mail();
    await outbox.reaches(deliveryId, "sent");
    const link = new URL(/http\S+/.exec(parsed.text ?? "")?.[0] ?? "");
    await outbox.verify(userId, link.searchParams.get("code") ?? "");
    expect((await outbox.store.findUser(userId))?.email.isVerified).toBe(true);
  });

  test("the event of the sending carries the code's id", async () => {
    const relay = await startRelay();
    dispatch(smtp(relay.port));
    const { codeId, deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await outbox.reaches(deliveryId, "sent");
    const events = await outbox.store.readEvents(0, 100);
    expect(events.at(-1)).toMatchObject({
      type: "user.human.email.code.sent",
      payload: { codeId },
      editor: "system",
    });
  });

  test("many mails arrive once each", async () => {
    const answer = () => new Promise<SendOutcome>((resolve) => setImmediate(resolve, accepted));
    const transport = new ManualTransport(answer, 3);
    dispatch(transport);
    const userIds = await Promise.all(
      [...Array(20).keys()].map((n) => outbox.addUser(`user${n}@example.com`)),
    );
    const sent = await Promise.all(userIds.map((userId) => outbox.sendCode(userId)));
    await Promise.all(sent.map(({ deliveryId }) => outbox.reaches(deliveryId, "sent")));
    expect(transport.mails.map((mail) => mail.request.deliveryId).toSorted()).toEqual(
      sent.map(({ deliveryId }) => deliveryId).toSorted(),
    );
  });

  test("no more are claimed than two for each connection, until some were sent", async () => {
    const gate = Promise.withResolvers<SendOutcome>();
    const transport = new ManualTransport(() => gate.promise, 1);
    dispatch(transport);
    for (const name of ["a", "b"]) {
      const { deliveryId } = await outbox.sendCode(await outbox.addUser(`${name}@example.com`));
      await outbox.reaches(deliveryId, "sending");
    }
    const third = await outbox.sendCode(await outbox.addUser("c@example.com"));
    await outbox.addUser("d@example.com"); // any further commit
    expect(outbox.row(third.deliveryId)).toMatchObject({ state: "queued", attempt: 0 });
    gate.resolve(accepted);
    await outbox.reaches(third.deliveryId, "sent");
  });
});

describe("sending -> cancelled, expired", () => {
  /** One slot, taken by another mail until `release`: meanwhile things happen to the mails behind it. */
  async function heldRelay() {
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const relay = await startRelay({
      beforeAccept: async ({ envelopeTo }) => {
        if (envelopeTo[0] !== "first@example.com") return;
        reached.resolve();
        await gate.promise;
      },
    });
    const dispatcher = dispatch(smtp(relay.port, 1));
    const blocking = await outbox.sendCode(await outbox.addUser("first@example.com"));
    await reached.promise;
    return { relay, dispatcher, blocking, release: () => gate.resolve() };
  }

  test("of two codes only the newest is mailed", async () => {
    const { relay, release } = await heldRelay();
    const userId = await outbox.addUser("ada@example.com");
    const older = await outbox.sendCode(userId);
    const newer = await outbox.sendCode(userId);
    release();
    await outbox.reaches(newer.deliveryId, "sent");
    expect(await outbox.reaches(older.deliveryId, "cancelled")).toMatchObject({
      problem: "superseded: there is a newer code",
      sealedCode: null,
    });
    const toAda = relay.mails.filter(({ envelopeTo }) => envelopeTo[0] === "ada@example.com");
    expect(toAda.map(({ parsed }) => parsed.messageId)).toEqual([`<${newer.deliveryId}@localhost>`]);
    expect(await outbox.eventTypes(userId)).toEqual([
      "user.human.added",
      "user.human.email.code.added",
      "user.human.email.code.added",
      "user.human.email.code.sent",
    ]);
  });

  test.each([
    [
      "a used code",
      "used: the address is verified",
      (userId: string, code: string) => outbox.verify(userId, code),
    ],
    [
      "a changed address",
      "superseded: the address was changed",
      (userId: string) => outbox.setEmail(userId, "new@example.com"),
    ],
    ["a deleted user", "superseded: the user was deleted", (userId: string) => outbox.deleteUser(userId)],
  ])("%s is not mailed", async (_, problem, change) => {
    const { relay, blocking, release } = await heldRelay();
    const userId = await outbox.addUser("ada@example.com");
    const { code, deliveryId } = await outbox.sendCode(userId);
    await change(userId, code);
    release();
    expect(await outbox.reaches(deliveryId, "cancelled")).toMatchObject({
      problem,
      sealedCode: null,
      attempt: 1,
    });
    await outbox.reaches(blocking.deliveryId, "sent");
    expect(relay.recipients).toEqual(["first@example.com"]);
  });

  test("an expired code is not mailed", async () => {
    const userId = await outbox.addUser("ada@example.com");
    const { deliveryId } = await outbox.sendCode(userId);
    outbox.clock.offsetMs += CODE_TTL_MS + 1000;
    const relay = await startRelay();
    dispatch(smtp(relay.port));
    expect(await outbox.reaches(deliveryId, "expired")).toMatchObject({ sealedCode: null, dueAtMs: null });
    expect(relay.recipients).toEqual([]);
  });

  test("a user deleted while the mail is on its way is no trouble", async () => {
    const gate = Promise.withResolvers<SendOutcome>();
    const transport = new ManualTransport(() => gate.promise);
    dispatch(transport);
    const userId = await outbox.addUser("ada@example.com");
    const { deliveryId } = await outbox.sendCode(userId);
    await transport.hasTaken(1);
    await outbox.deleteUser(userId);
    gate.resolve(accepted);
    await outbox.reaches(deliveryId, "sent");
    expect((await outbox.eventTypes(userId)).at(-1)).toBe("user.removed");
  });
});

describe("sending -> retrying -> sending", () => {
  test("a relay that says 451 gets the same mail again, later", async () => {
    let refusals = 1;
    const messageIds: (string | undefined)[] = [];
    const relay = await startRelay({
      beforeAccept: ({ parsed }) => {
        messageIds.push(parsed.messageId);
        if (refusals-- > 0) throw new Refusal(451, "4.7.1 not now");
      },
    });
    const dispatcher = dispatch(smtp(relay.port), { random: () => 0.5 });
    const before = outbox.clock.nowMs();
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));

    const waiting = await outbox.reaches(deliveryId, "retrying");
    expect(waiting).toMatchObject({ attempt: 1, problem: "451 4.7.1 not now (DATA)" });
    expect(waiting.sealedCode).not.toBeNull();
    expect((waiting.dueAtMs ?? 0) - before).toBeGreaterThanOrEqual(GREYLISTED_MS);
    expect((waiting.dueAtMs ?? 0) - outbox.clock.nowMs()).toBeLessThanOrEqual(GREYLISTED_MS);

    pass(dispatcher, GREYLISTED_MS + 1);
    expect(await outbox.reaches(deliveryId, "sent")).toMatchObject({
      attempt: 2,
      problem: null,
      sealedCode: null,
    });
    expect(messageIds).toEqual([`<${deliveryId}@localhost>`, `<${deliveryId}@localhost>`]);
  });

  test("the timer finds the next try by itself", async () => {
    let tries = 0;
    const soon: RetryDelay = { minMs: 30, maxMs: 30, capMs: 30 };
    const transport = new ManualTransport(() =>
      Promise.resolve(++tries === 1 ? transient("451", soon) : accepted),
    );
    dispatch(transport);
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await outbox.reaches(deliveryId, "sent", 2);
  });

  test("a wake at the very end of a look is not lost", async () => {
    let tries = 0;
    const transport = new ManualTransport(() => Promise.resolve(++tries === 1 ? transient("451") : accepted));
    let afterLook: (() => void) | undefined;
    const store = new Proxy<Store>(outbox.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...parameters: unknown[]) => {
          const result: unknown = Reflect.apply(value, target, parameters);
          if (name !== "nextDeliveryDueMs" || afterLook === undefined) return result;
          // Two turns: the first goes before the dispatcher sees the result, the second right after.
          void Promise.resolve(result).then(undefined).then(afterLook);
          afterLook = undefined;
          return result;
        };
      },
    });
    const dispatcher = dispatch(transport, { store });
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await outbox.reaches(deliveryId, "retrying");
    // The dispatcher's own look after that try comes first.
    await new Promise((resolve) => setImmediate(resolve));
    afterLook = () => pass(dispatcher, 10_000);
    dispatcher.wake();
    await outbox.reaches(deliveryId, "sent", 2);
  });

  test("a relay that is down, then up again", async () => {
    const relay = await Relay.start();
    const { port } = relay;
    await relay.stop();
    const dispatcher = dispatch(smtp(port));
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    expect(await outbox.reaches(deliveryId, "retrying")).toMatchObject({
      problem: "ESOCKET ECONNREFUSED (CONN)",
    });
    const recovered = await startRelay({}, port);
    pass(dispatcher, 10_000);
    await outbox.reaches(deliveryId, "sent");
    expect(recovered.mails).toHaveLength(1);
  });

  test("a relay that hangs up in the middle of the message", async () => {
    let drops = 1;
    const drop = (socket: Socket) => {
      if (drops-- > 0) socket.end("354 go on\r\n", () => socket.destroy());
      else socket.write("451 4.3.0 enough\r\n");
    };
    const relay = await ScriptedRelay.start(friendly({ DATA: drop }));
    closing.push(() => relay.stop());
    const dispatcher = dispatch(smtp(relay.port));
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    const dropped = await outbox.reaches(deliveryId, "retrying", 1);
    expect(dropped.problem).toMatch(/ECONNECTION|ESOCKET/);
    pass(dispatcher, 600_000);
    expect(await outbox.reaches(deliveryId, "retrying", 2)).toMatchObject({
      problem: "451 4.3.0 enough (DATA)",
    });
  });

  test("while all relays rest, nothing is claimed; then what waits goes out in order", async () => {
    const mailed: string[] = [];
    let restsUntilMs: number | undefined = outbox.clock.nowMs() + 30_000;
    const transport = new ManualTransport((mail) => {
      mailed.push(mail.to.address);
      return Promise.resolve(
        restsUntilMs === undefined
          ? accepted
          : { kind: "transient", problem: "all rest", tries: [], delay: DELAY, pausedUntilMs: restsUntilMs },
      );
    });
    const dispatcher = dispatch(transport);
    const first = await outbox.sendCode(await outbox.addUser("first@example.com"));
    await transport.hasTaken(1);
    await outbox.reaches(first.deliveryId, "queued");
    const second = await outbox.sendCode(await outbox.addUser("second@example.com"));
    pass(dispatcher, 10_000);
    await outbox.addUser("third@example.com"); // any further commit
    expect(outbox.row(second.deliveryId)).toMatchObject({ state: "queued", attempt: 0 });
    restsUntilMs = undefined;
    pass(dispatcher, 20_001);
    // What no relay was asked for was no try.
    await outbox.reaches(first.deliveryId, "sent", 1);
    await outbox.reaches(second.deliveryId, "sent", 1);
    expect(mailed.toSorted()).toEqual(["first@example.com", "first@example.com", "second@example.com"]);
  });

  test("a code used between two tries is not mailed any more", async () => {
    const transport = new ManualTransport(() => Promise.resolve(transient("451")));
    const dispatcher = dispatch(transport);
    const userId = await outbox.addUser("ada@example.com");
    const { code, deliveryId } = await outbox.sendCode(userId);
    await outbox.reaches(deliveryId, "retrying");
    await outbox.verify(userId, code);
    pass(dispatcher, 10_000);
    expect(await outbox.reaches(deliveryId, "cancelled")).toMatchObject({ attempt: 2 });
    expect(transport.mails).toHaveLength(1);
  });

  test("tries come ever later, the last one a minute before the code ends, then the mail expires", async () => {
    const transport = new ManualTransport(() => Promise.resolve(transient("451 no")));
    const dispatcher = dispatch(transport, { random: () => 0.5 });
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    const queuedAtMs = outbox.clock.nowMs();
    let lastTryMs = 0;
    for (let attempt = 1; ; attempt++) {
      const { state, dueAtMs } = await reachesAny(deliveryId, attempt);
      if (state === "expired") break;
      lastTryMs = dueAtMs ?? 0;
      pass(dispatcher, lastTryMs - outbox.clock.nowMs() + 1);
    }
    expect(lastTryMs - queuedAtMs - CODE_TTL_MS + 60_000).toBeLessThan(1);
    expect(lastTryMs - queuedAtMs - CODE_TTL_MS + 60_000).toBeGreaterThan(-5_000);
    expect(transport.mails.length).toBeGreaterThan(8);
    expect(outbox.row(deliveryId)).toMatchObject({
      problem: "no time for another try after: 451 no",
      sealedCode: null,
    });
  });

  async function reachesAny(deliveryId: string, attempt: number) {
    const states = ["retrying", "expired"] as const;
    return Promise.race(states.map((state) => outbox.reaches(deliveryId, state, attempt)));
  }

  test("a transport that breaks its promise and rejects is a failed try", async () => {
    dispatch(new ManualTransport(() => Promise.reject(new TypeError("ada@example.com"))));
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    expect(await outbox.reaches(deliveryId, "retrying")).toMatchObject({
      problem: "the transport broke: TypeError",
    });
  });
});

describe("sending -> failed", () => {
  test("a relay that says 550", async () => {
    const relay = await startRelay({
      onRecipient: (address) => {
        throw new Refusal(550, `5.1.1 <${address}> unknown`);
      },
    });
    dispatch(smtp(relay.port));
    const userId = await outbox.addUser("ada@example.com");
    const { deliveryId } = await outbox.sendCode(userId);
    expect(await outbox.reaches(deliveryId, "failed")).toMatchObject({
      problem: "550 5.1.1 <[hidden]> unknown (RCPT TO)",
      sealedCode: null,
      dueAtMs: null,
      attempt: 1,
    });
    expect(await outbox.eventTypes(userId)).not.toContain("user.human.email.code.sent");
  });

  test("a code sealed with a key that is gone", async () => {
    const transport = new ManualTransport(() => Promise.resolve(accepted));
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    dispatch(transport, { keyring: new Keyring([Buffer.alloc(32, 7)]) });
    const row = await outbox.reaches(deliveryId, "failed");
    expect(row.problem).toMatch(
      /^the code cannot be opened: sealed with key [0-9a-f]{16}, which is not configured$/,
    );
    expect(transport.mails).toEqual([]);
    expect(log.lines).toContainEqual(
      expect.objectContaining({ deliveryId, state: "failed", problem: row.problem }),
    );
  });

  test("a mail that cannot be composed", async () => {
    const compose = () => {
      throw new TypeError("Invalid URL: https://example.com/?code=SECRET");
    };
    dispatch(new ManualTransport(() => Promise.resolve(accepted)), { compose });
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    expect(await outbox.reaches(deliveryId, "failed")).toMatchObject({
      problem: "the mail cannot be composed: TypeError",
    });
    expect(log.text).not.toContain("SECRET");
  });
});

describe("leases", () => {
  test("a row whose dispatcher died is taken over when the lease ends, as the same mail", async () => {
    const dead = new ManualTransport(() => new Promise(() => {}));
    dispatch(dead, LEASE);
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await dead.hasTaken(1);

    const alive = new ManualTransport(() => Promise.resolve(accepted));
    const second = dispatch(alive, LEASE);
    pass(second, LEASE_MS - 5_000);
    await outbox.addUser("b@example.com"); // any further commit
    expect(alive.mails).toEqual([]);
    pass(second, 5_001);
    expect(await outbox.reaches(deliveryId, "sent")).toMatchObject({ attempt: 2 });
    expect(alive.mails).toEqual(dead.mails);
  });

  test("what a dispatcher says after its lease is ignored", async () => {
    const gate = Promise.withResolvers<SendOutcome>();
    const slow = new ManualTransport(() => gate.promise);
    const first = dispatch(slow, LEASE);
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await slow.hasTaken(1);
    const stopped = first.stop();

    const second = dispatch(new ManualTransport(() => Promise.resolve(accepted)), LEASE);
    pass(second, LEASE_MS + 1);
    await outbox.reaches(deliveryId, "sent");
    gate.resolve(permanent("550"));
    await stopped;
    expect(outbox.row(deliveryId)).toMatchObject({ state: "sent", problem: null });
    expect(log.lines).toContainEqual(
      expect.objectContaining({ count: 1, msg: "leases of mails were lost: their outcomes are ignored" }),
    );
  });

  test("a dispatcher that was stopped past its lease goes on with the send it has", async () => {
    const gate = Promise.withResolvers<SendOutcome>();
    const transport = new ManualTransport(() => gate.promise);
    const dispatcher = dispatch(transport, LEASE);
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await transport.hasTaken(1);
    pass(dispatcher, LEASE_MS + 1);
    await outbox.reaches(deliveryId, "sending", 2);
    gate.resolve(accepted);
    await outbox.reaches(deliveryId, "sent", 2);
    expect(transport.mails).toHaveLength(1);
    expect(log.text).not.toContain("lost");
  });

  test("a mail that waits too long for a connection is released: a send has to end within the lease", async () => {
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let isFirst = true;
    const transport: MailTransport = {
      description: "slow to connect",
      connections: 5,
      async send(_mail, permit) {
        if (isFirst) {
          isFirst = false;
          reached.resolve();
          await gate.promise;
        }
        return (await permit.take()) ? accepted : { kind: "withdrawn" };
      },
      close: () => Promise.resolve(),
    };
    const dispatcher = dispatch(transport, LEASE);
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await reached.promise;
    pass(dispatcher, LEASE_MS - LEASE.maxSendMs + 1);
    gate.resolve();
    // Released, and claimed again: not one try more.
    await outbox.reaches(deliveryId, "sent", 1);
    expect(log.lines).toMatchObject([
      { deliveryId, attempt: 1, msg: "mail released" },
      { deliveryId, attempt: 1, msg: "mail sent" },
    ]);
  });
});

describe("stop", () => {
  test("waits for the sends in flight and takes nothing new", async () => {
    const gate = Promise.withResolvers<SendOutcome>();
    const transport = new ManualTransport(() => gate.promise);
    const dispatcher = dispatch(transport);
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("a@example.com"));
    await transport.hasTaken(1);
    let isStopped = false;
    const stopped = dispatcher.stop().then(() => (isStopped = true));
    const late = await outbox.sendCode(await outbox.addUser("b@example.com"));
    expect(isStopped).toBe(false);
    gate.resolve(accepted);
    await stopped;
    expect(outbox.row(deliveryId).state).toBe("sent");
    expect(outbox.row(late.deliveryId).state).toBe("queued");
    expect(transport.mails).toHaveLength(1);
  });

  test("breaks off what outlasts the grace, and releases it: the next process has it at once", async () => {
    const reached = Promise.withResolvers<void>();
    const relay = await startRelay({
      beforeAccept: () => {
        reached.resolve();
        return new Promise(() => {});
      },
    });
    const dispatcher = dispatch(smtp(relay.port));
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("a@example.com"));
    await reached.promise;
    await dispatcher.stop(10);
    expect(outbox.row(deliveryId)).toMatchObject({ state: "queued", attempt: 0 });
    expect(log.lines.at(-1)).toMatchObject({ deliveryId, msg: "mail released" });

    const next = new ManualTransport(() => Promise.resolve(accepted));
    dispatch(next);
    await outbox.reaches(deliveryId, "sent", 1);
    expect(next.mails).toMatchObject([{ messageId: `<${deliveryId}@localhost>` }]);
  });

  test("releases what its transport does not let go of, and ignores what that says later", async () => {
    const gate = Promise.withResolvers<SendOutcome>();
    const transport = new ManualTransport(() => gate.promise);
    const dispatcher = dispatch(transport);
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("a@example.com"));
    await transport.hasTaken(1);
    await dispatcher.stop(0);
    expect(outbox.row(deliveryId)).toMatchObject({ state: "queued", attempt: 0 });
    gate.resolve(permanent("550"));
    await dispatcher.stop();
    expect(outbox.row(deliveryId)).toMatchObject({ state: "queued", attempt: 0 });
  });

  test("releases unsent what a claim brings after it", async () => {
    const transport = new ManualTransport(() => Promise.resolve(accepted));
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("a@example.com"));
    const stopped = Promise.withResolvers<void>();
    const claim: Store["claimDeliveries"] = async (...parameters) => {
      const claimed = await outbox.store.claimDeliveries(...parameters);
      dispatcher.stop().then(stopped.resolve, stopped.reject);
      return claimed;
    };
    const store = new Proxy<Store>(outbox.store, {
      get(target, name) {
        if (name === "claimDeliveries") return claim;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const dispatcher = dispatch(transport, { store });
    await stopped.promise;
    expect(outbox.row(deliveryId)).toMatchObject({ state: "queued", attempt: 0 });
    expect(transport.mails).toEqual([]);
  });

  test("leaves to their leases what it cannot release", async () => {
    const transport = new ManualTransport(() => new Promise(() => {}));
    const dispatcher = dispatch(transport);
    await outbox.sendCode(await outbox.addUser("a@example.com"));
    await transport.hasTaken(1);
    await outbox.store.close();
    await dispatcher.stop(0);
    expect(log.lines.at(-1)).toMatchObject({ msg: "mails left to their leases", count: 1 });
  });

  test("may come before start, twice, and be followed by another start", async () => {
    const transport = new ManualTransport(() => Promise.resolve(accepted));
    const { store, environments, keyring } = outbox;
    const gateway = new InlineGateway(createComposer({ from: FROM }), transport);
    const dispatcher = new Dispatcher({ store, environments, keyring, gateway, logger: log.logger });
    await dispatcher.stop();
    dispatcher.start();
    dispatcher.start();
    await dispatcher.stop();
    await dispatcher.stop();
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("a@example.com"));
    dispatcher.start();
    await outbox.reaches(deliveryId, "sent");
    await dispatcher.stop();
    expect(transport.mails).toHaveLength(1);
  });
});

describe("a store that is away", () => {
  const unavailable = () => Promise.reject(new FailureError(failure("STORE_UNAVAILABLE")));

  /** The store, with calls that fail when the test says so. */
  function withStore(fails: (name: string | symbol) => boolean): Store {
    return new Proxy<Store>(outbox.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...parameters: unknown[]) =>
          fails(name) ? unavailable() : (Reflect.apply(value, target, parameters) as unknown);
      },
    });
  }

  /** The first calls of one kind fail. */
  function flaky(name: keyof Store, times: number): Store {
    return withStore((called) => called === name && times-- > 0);
  }

  test.each(["nextDeliveryDueMs", "claimDeliveries", "settleDeliveries"] as const)(
    "%s is tried again",
    async (name) => {
      const transport = new ManualTransport(() => Promise.resolve(accepted));
      const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
      dispatch(transport, { store: flaky(name, 2), storeRetryMs: 5 });
      await outbox.reaches(deliveryId, "sent", 1);
      expect(transport.mails).toHaveLength(1);
      expect(log.lines.filter(({ problem }) => problem === "STORE_UNAVAILABLE")).toHaveLength(2);
    },
  );

  test("a mail whose user cannot be read is tried later", async () => {
    const dispatcher = dispatch(new ManualTransport(() => Promise.resolve(accepted)), {
      store: flaky("findUser", 1),
    });
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    expect(await outbox.reaches(deliveryId, "retrying")).toMatchObject({ problem: "STORE_UNAVAILABLE" });
    pass(dispatcher, 10_000);
    await outbox.reaches(deliveryId, "sent");
  });

  test("an outcome that cannot be recorded within the lease is recorded later, and the mail is not sent again", async () => {
    const transport = new ManualTransport(() => Promise.resolve(accepted));
    let isAway = true;
    const store = withStore((name) => name === "settleDeliveries" && isAway);
    const dispatcher = dispatch(transport, { store, storeRetryMs: 5, ...LEASE });
    const { deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await transport.hasTaken(1);
    pass(dispatcher, LEASE_MS + 1);
    await outbox.reaches(deliveryId, "sending", 2);
    isAway = false;
    await outbox.reaches(deliveryId, "sent");
    expect(transport.mails).toHaveLength(1);
  });

  test("a store that is closed under it does not break stop", async () => {
    const gate = Promise.withResolvers<SendOutcome>();
    const transport = new ManualTransport(() => gate.promise);
    const dispatcher = dispatch(transport, { storeRetryMs: 5 });
    await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await transport.hasTaken(1);
    await outbox.store.close();
    gate.resolve(accepted);
    await dispatcher.stop();
    expect(log.lines).toContainEqual(expect.objectContaining({ msg: "mails left to their leases" }));
  });
});

describe("confidences", () => {
  test("the log has ids, tries and states, but neither code nor link nor address", async () => {
    let refusals = 1;
    const relay = await startRelay({
      onRecipient: (address) => {
        if (refusals-- > 0) throw new Refusal(450, `<${address}> later`);
      },
    });
    const dispatcher = dispatch(smtp(relay.port));
    const userId = await outbox.addUser("ada.lovelace@example.com", "Augusta Ada");
    const { code, deliveryId } = await outbox.sendCode(userId);
    await outbox.reaches(deliveryId, "retrying");
    pass(dispatcher, 600_000);
    await outbox.reaches(deliveryId, "sent");
    expect(log.lines).toMatchObject([
      {
        deliveryId,
        userId,
        attempt: 1,
        state: "retrying",
        msg: "mail retrying",
        problem: "450 <[hidden]> later (RCPT TO)",
      },
      { deliveryId, userId, attempt: 2, state: "sent", msg: "mail sent" },
    ]);
    for (const secret of [code, "lovelace", "example.com", "Augusta", "/verify"]) {
      expect(log.text).not.toContain(secret);
    }
  });

  test("the code is nowhere on disk in clear, and its sealed form is gone once the mail is sent", async () => {
    const relay = await startRelay();
    dispatch(smtp(relay.port));
    const { code, deliveryId } = await outbox.sendCode(await outbox.addUser("ada@example.com"));
    await relay.mail();
    expect(await outbox.reaches(deliveryId, "sent")).toMatchObject({ sealedCode: null });
    const bytes = outbox.bytesOnDisk();
    expect(bytes).toContain("ada@example.com");
    expect(bytes).not.toContain(code);
    expect(bytes).not.toContain(Buffer.from(code, "utf16le").toString("latin1"));
  });
});
