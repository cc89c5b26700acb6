// Two instances on one PostgreSQL: a mail that one of them hands over while the other answers the command that ends its
// code. What is sent is held at the exact point between the last look at the code and MAIL FROM.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { Dispatcher } from "../../src/mail/dispatcher.ts";
import type { HandOverPermit, MailTransport } from "../../src/mail/mail-transport.ts";
import { createComposer } from "../../src/mail/message.ts";
import { SmtpTransport } from "../../src/mail/smtp/smtp-transport.ts";
import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { World } from "../contract/world.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { RecordingRelay } from "../support/recording-relay.ts";
import { InlineGateway } from "./inline-gateway.ts";
import { TestLog } from "./log.ts";

jest.setTimeout(60_000);

/** Longer than any test takes: answers wait for the mail, and not for the end of the time. */
const HOLD_MS = 600_000;

let server: TestPostgres;
let relay: RecordingRelay;
let transport: HeldTransport;
/** Sends the mails. */
let here: World;
/** Ends codes. */
let there: World;
const undo: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await TestPostgres.start();
});

beforeEach(async () => {
  const database = await server.createDatabase();
  undo.push(() => server.dropDatabase(database));
  relay = await RecordingRelay.start();
  undo.push(() => relay.stop());
  const join = async (): Promise<World> => {
    // What they hear of each other is not what keeps a mail back.
    const store = await PostgresStore.open({
      server: server.at(database),
      pooler: "transaction",
      pollIntervalMs: 600_000,
      holdMs: HOLD_MS,
    });
    undo.push(() => store.close());
    return new World(store);
  };
  [here, there] = [await join(), await join()];
  await here.addOrganization();
  await here.addUser("ada");
  transport = new HeldTransport(relay.port);
  const log = new TestLog();
  const dispatcher = new Dispatcher({
    store: here.store,
    environments: here.environments,
    keyring: here.keyring,
    gateway: new InlineGateway(
      createComposer({ from: { name: "Countersign", address: "no-reply@localhost" } }),
      transport,
    ),
    logger: log.logger,
  });
  undo.push(() => dispatcher.stop(0));
  dispatcher.start();
});

afterEach(async () => {
  transport.letGo();
  for (const step of undo.splice(0).toReversed()) await step();
});

afterAll(() => server.stop());

/** SMTP, with a stop between the permit and MAIL FROM. */
class HeldTransport implements MailTransport {
  readonly description = "held";
  readonly connections = 5;
  /** The first mail has its permit. */
  readonly isPermitted: Promise<void>;
  readonly #permitted = Promise.withResolvers<void>();
  readonly #held = Promise.withResolvers<void>();
  readonly #smtp: SmtpTransport;

  constructor(port: number) {
    this.isPermitted = this.#permitted.promise;
    this.#smtp = new SmtpTransport({
      relays: [{ host: "127.0.0.1", port, secure: false }],
      logger: new TestLog().logger,
    });
  }

  letGo(): void {
    this.#held.resolve();
  }

  send(...[mail, permit]: Parameters<MailTransport["send"]>): ReturnType<MailTransport["send"]> {
    const held: HandOverPermit = {
      take: async () => {
        const isTaken = await permit.take();
        this.#permitted.resolve();
        await this.#held.promise;
        return isTaken;
      },
      arrived: () => permit.arrived(),
    };
    return this.#smtp.send(mail, held);
  }

  close(): Promise<void> {
    return this.#smtp.close();
  }
}

/** Resolves once what the other instance was asked for before is committed: its transactions follow one another. */
async function committedThere(): Promise<void> {
  await there.addUser(`user-${there.codes.size}`);
}

/** The user's newest mail. */
async function mailOf(userId: string): Promise<string> {
  const { deliveries } = await there.store.listDeliveries({ userId, limit: 1, timeoutMs: 10_000 });
  return deliveries[0]?.deliveryId ?? "";
}

async function cancelThere(userId: string): Promise<void> {
  const deliveryId = await mailOf(userId);
  await there.store.changeDelivery({ kind: "cancel", deliveryId, by: "op" }, there.nowMs);
}

/** Resolves once it is committed that the user's newest mail is cancelled, and an answer would have come. */
async function cancelledThere(userId: string): Promise<void> {
  const deliveryId = await mailOf(userId);
  const isRequested = async () =>
    (await there.store.findDelivery(deliveryId))?.timeline.some(
      ({ event }) => event.kind === "cancelRequested",
    );
  while ((await isRequested()) !== true);
  await committedThere();
}

/** What the relay sees, and when the command was answered, in this order. */
function observed(): string[] {
  const order: string[] = [];
  relay.at = (point) => void (point === "mail" && order.push("MAIL FROM"));
  return order;
}

describe("a mail whose code dies between the last look at it and MAIL FROM", () => {
  test.each<[string, () => Promise<unknown>, (() => Promise<void>)?]>([
    ["superseded", () => there.sendCode("ada", { kind: "return" })],
    ["used", () => there.verify("ada", here.codeOf("ada"))],
    ["of another address", () => there.setEmail("ada", "ada@example.net", { kind: "return" })],
    ["of a deleted user", () => there.run({ type: "user.delete", userId: "ada" })],
    ["cancelled", () => cancelThere("ada"), () => cancelledThere("ada")],
  ])("%s: its MAIL FROM comes before the answer", async (_how, end, committed = committedThere) => {
    const order = observed();
    await here.sendCode("ada");
    await transport.isPermitted;
    const answered = end().then(() => order.push("answer"));
    await committed();
    expect(order).toEqual([]);
    transport.letGo();
    await answered;
    expect(order).toEqual(["MAIL FROM", "answer"]);
  });

  test("while the relay has not answered MAIL FROM, the command waits", async () => {
    const order: string[] = [];
    const greeted = Promise.withResolvers<void>();
    const isHeld = Promise.withResolvers<void>();
    relay.at = async (point) => {
      if (point !== "mail") return;
      order.push("MAIL FROM");
      isHeld.resolve();
      await greeted.promise;
      order.push("250");
    };
    transport.letGo();
    await here.sendCode("ada");
    await isHeld.promise;
    const answered = there.sendCode("ada", { kind: "return" }).then(() => order.push("answer"));
    await committedThere();
    expect(order).toEqual(["MAIL FROM"]);
    greeted.resolve();
    await answered;
    expect(order).toEqual(["MAIL FROM", "250", "answer"]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["whose code is dead", () => there.sendCode("ada", { kind: "return" })],
    ["that is cancelled", () => cancelThere("ada")],
  ])("a mail %s when it is asked for does not leave", async (_how, end) => {
    const greeted = Promise.withResolvers<void>();
    const isConnected = Promise.withResolvers<void>();
    relay.at = (point) => {
      if (point !== "connect") return;
      isConnected.resolve();
      return greeted.promise;
    };
    transport.letGo();
    await here.sendCode("ada");
    await isConnected.promise;
    await end();
    greeted.resolve();
    await here.addUser("eve");
    await here.sendCode("eve");
    while (relay.accepted.length === 0) await new Promise(setImmediate);
    expect(relay.transactions.map(({ recipient }) => recipient)).toEqual(["eve@example.com"]);
  });
});
