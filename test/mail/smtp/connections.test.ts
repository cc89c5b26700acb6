// What a relay sees of the connections, and when the permit is asked for.
import { describe, expect, test } from "@jest/globals";
import { setTimeout as pause } from "node:timers/promises";
import type { HandOverPermit } from "../../../src/mail/mail-transport.ts";
import { RETRY_DELAYS } from "../../../src/mail/retry-policy.ts";
import { pack } from "../../../src/mail/smtp/parcel.ts";
import { friendly } from "../relay.ts";
import { at, Harness, NO_PERMIT, PERMIT } from "./harness.ts";
import { sampleMail } from "./sample-mail.ts";
import { watchWrites } from "./write-watch.ts";

const harness = new Harness();

/** Answers when the test says so. */
class HeldPermit implements HandOverPermit {
  asked = 0;
  readonly #answer = Promise.withResolvers<boolean>();
  readonly #first = Promise.withResolvers<void>();

  take(): Promise<boolean> {
    this.asked += 1;
    this.#first.resolve();
    return this.#answer.promise;
  }

  arrived(): void {}

  get wasAsked(): Promise<void> {
    return this.#first.promise;
  }

  answer(isGranted: boolean): void {
    this.#answer.resolve(isGranted);
  }
}

/** Grants, and counts. */
class CountedPermit implements HandOverPermit {
  taken = 0;

  take(): Promise<boolean> {
    this.taken += 1;
    return Promise.resolve(true);
  }

  arrived(): void {}
}

describe("connections", () => {
  test("stay open between mails", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)]);
    for (let n = 0; n < 20; n++) {
      expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    }
    expect(relay.connections).toBe(1);
    expect(relay.count("MAIL FROM")).toBe(20);
  });

  test("are no more than allowed, however many mails there are, and each mail gets its turn", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)]);
    expect(transport.connections).toBe(5);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () => transport.send(sampleMail(), PERMIT)),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(100).fill("accepted"));
    expect(relay.connections).toBe(5);
    expect(relay.count("MAIL FROM")).toBe(100);
  });

  test("that fail make room for those who wait", async () => {
    const relay = await harness.script(friendly({ MAIL: (socket) => void socket.destroy() }));
    const transport = harness.transport([at(relay.port)], { connections: 1 });
    const outcomes = await Promise.all([1, 2, 3].map(() => transport.send(sampleMail(), PERMIT)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(["transient", "transient", "transient"]);
    expect(relay.connections).toBe(3);
  });

  test("that do not become free in time leave the mail for later, and say nothing against the relay", async () => {
    const relay = await harness.script(friendly({ MAIL: () => {} }));
    const transport = harness.transport([at(relay.port)], {
      connections: 1,
      timeLimits: { untilFinalDotMs: 100 },
    });
    const first = transport.send(sampleMail(), PERMIT);
    const others = await Promise.all([1, 2, 3].map(() => transport.send(sampleMail(), PERMIT)));
    for (const outcome of others) {
      expect(outcome).toEqual({
        kind: "transient",
        problem: "no connection to the relay became free in time",
        tries: [],
        delay: RETRY_DELAYS.internal,
      });
    }
    await first;
    expect(harness.log.lines).toHaveLength(1);
  });

  test("say good-bye when nobody wants them for a while", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)], { idleMs: 30 });
    await transport.send(sampleMail(), PERMIT);
    await relay.until(() => relay.lines.includes("QUIT"));
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(relay.connections).toBe(2);
    expect(harness.log.lines).toEqual([]);
  });

  test("say good-bye at the end, and close although a relay does not answer", async () => {
    const relay = await harness.script(friendly({ QUIT: () => {} }));
    const transport = harness.transport([at(relay.port)]);
    await transport.send(sampleMail(), PERMIT);
    await transport.close();
    await relay.until(() => relay.lines.includes("QUIT"));
  });

  test("carry every mail byte by byte, dots at the beginning of lines too, the same at every try", async () => {
    const relay = await harness.relay();
    const mail = sampleMail({ text: ["", ".", "..", ".dot", "x\n.\ny", "tail."].join("\n") });
    const transport = harness.transport([at(relay.port)]);
    for (let n = 0; n < 2; n++) await transport.send(mail, PERMIT);
    const written = pack(mail)?.bytes.toString("utf8");
    expect(written).toContain("\r\n..\r\n.dot\r\n");
    expect(relay.mails.map(({ raw }) => raw)).toEqual([written, written]);
  });
});

describe("an idle connection that the relay ended", () => {
  test.each([
    ["without a word", ""],
    ["with a farewell", "421 4.4.2 idle for too long\r\n"],
  ])("%s costs no mail a try", async (_, farewell) => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)]);
    await transport.send(sampleMail(), PERMIT);
    await relay.hangUp(farewell);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted", tries: [{}] });
    expect(relay.connections).toBe(2);
    expect(harness.log.lines).toEqual([]);
  });

  test.each([
    ["just as the next mail comes", (socket: { destroy(): unknown }) => void socket.destroy()],
    [
      "with its farewell as the answer to MAIL",
      (socket: { end(text: string): unknown }) => void socket.end("421 idle\r\n"),
    ],
    ["without the news having come through", () => {}],
  ])("%s costs no mail a try either; the permit is taken again", async (_, onSecondMail) => {
    let mails = 0;
    const relay = await harness.script(
      friendly({
        MAIL: (socket) => {
          mails += 1;
          if (mails === 2) onSecondMail(socket);
          else socket.write("250 fine\r\n");
        },
      }),
    );
    const transport = harness.transport([at(relay.port)], { timeLimits: { mailMs: 50 } });
    const permit = new CountedPermit();
    await transport.send(sampleMail(), permit);
    expect(await transport.send(sampleMail(), permit)).toMatchObject({ kind: "accepted", tries: [{}] });
    expect(permit.taken).toBe(3);
    expect(relay.connections).toBe(2);
    expect(harness.log.lines).toEqual([]);
  });

  test("is looked for once: a fresh connection that fails is the relay's fault", async () => {
    let mails = 0;
    const relay = await harness.script(
      friendly({
        MAIL: (socket) => {
          mails += 1;
          if (mails === 1) socket.write("250 fine\r\n");
          else socket.destroy();
        },
      }),
    );
    const transport = harness.transport([at(relay.port)]);
    await transport.send(sampleMail(), PERMIT);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({
      kind: "transient",
      delay: RETRY_DELAYS.unreachable,
    });
    expect(mails).toBe(3);
  });
});

describe("the permit", () => {
  test("is asked for once the relay said hello, and not before", async () => {
    const greet = Promise.withResolvers<void>();
    const relay = await harness.script(friendly(), (socket) => {
      void greet.promise.then(() => socket.write("220 at last\r\n"));
    });
    const permit = new HeldPermit();
    const outcome = harness.transport([at(relay.port)]).send(sampleMail(), permit);
    await relay.until(() => relay.connections === 1);
    await pause(30);
    expect(permit.asked).toBe(0);
    greet.resolve();
    await permit.wasAsked;
    expect(relay.lines).toEqual([expect.stringMatching(/^EHLO /)]);
    permit.answer(true);
    expect(await outcome).toMatchObject({ kind: "accepted" });
  });

  test("is followed by MAIL FROM before anything else can happen", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)]);
    await transport.send(sampleMail(), PERMIT);
    const order: string[] = [];
    const permit: HandOverPermit = {
      take: async () => {
        await pause(10);
        setImmediate(() => order.push("next turn of the event loop"));
        return true;
      },
      arrived() {},
    };
    const before = relay.count("MAIL FROM");
    // The bytes are on the socket when the write returns; Nagle is off.
    const write = watchWrites((text) => text.startsWith("MAIL FROM") && order.push("MAIL FROM"));
    try {
      await transport.send(sampleMail(), permit);
    } finally {
      write.restore();
    }
    expect(relay.count("MAIL FROM")).toBe(before + 1);
    expect(order).toEqual(["MAIL FROM", "next turn of the event loop"]);
  });

  test("refused: nothing of the mail crosses the wire, and the connection is used for the next", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)]);
    expect(await transport.send(sampleMail(), NO_PERMIT)).toEqual({ kind: "withdrawn" });
    expect(relay.lines).toEqual([expect.stringMatching(/^EHLO /)]);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(relay.connections).toBe(1);
  });

  test("that does not come in time, or at all: the mail waits, the connection is used for the next", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)], { timeLimits: { untilFinalDotMs: 60 } });
    const held = new HeldPermit();
    const delay = RETRY_DELAYS.internal;
    expect(await transport.send(sampleMail(), held)).toMatchObject({ kind: "transient", tries: [], delay });
    held.answer(true);
    const broken = { take: () => Promise.reject(new Error("ada@example.com")), arrived() {} };
    const outcome = await transport.send(sampleMail(), broken);
    expect(outcome).toMatchObject({
      kind: "transient",
      problem: "no answer whether the mail may leave",
      delay,
    });
    expect(relay.count("MAIL FROM")).toBe(0);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(relay.connections).toBe(1);
  });

  test("is asked for again, for the next relay", async () => {
    const relay = await harness.script(friendly({ RCPT: (socket) => void socket.destroy() }));
    const next = await harness.script(friendly());
    const permit = new CountedPermit();
    await harness.transport([at(relay.port), at(next.port)]).send(sampleMail(), permit);
    expect(permit.taken).toBe(2);

    let isFirst = true;
    const once = { take: () => Promise.resolve(isFirst && !(isFirst = false)), arrived() {} };
    const transport = harness.transport([at(relay.port), at(next.port)]);
    expect(await transport.send(sampleMail(), once)).toEqual({ kind: "withdrawn" });
    expect(next.count("MAIL FROM")).toBe(1);
  });
});

describe("close()", () => {
  test("ends what is still being sent, wherever it stands", async () => {
    for (const script of [friendly({ EHLO: () => {} }), friendly({ RCPT: () => {} })]) {
      const relay = await harness.script(script);
      const transport = harness.transport([at(relay.port)], { connections: 1 });
      const outcomes = [1, 2].map(() => transport.send(sampleMail(), PERMIT));
      await relay.until(() => relay.lines.length > 0);
      await transport.close();
      for (const outcome of await Promise.all(outcomes)) {
        expect(outcome).toEqual({
          kind: "transient",
          problem: "the mail transport is closed",
          tries: [],
          delay: RETRY_DELAYS.internal,
        });
      }
      expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "transient", tries: [] });
      expect(harness.log.lines).toEqual([]);
    }
  });

  test("after the final dot it is not known who has the mail", async () => {
    const relay = await harness.script(friendly({ ".": () => {} }));
    const transport = harness.transport([at(relay.port)]);
    const outcome = transport.send(sampleMail(), PERMIT);
    await relay.until(() => relay.lines.includes("."));
    await transport.close();
    expect(await outcome).toMatchObject({
      kind: "transient",
      tries: [{ outcome: "transient" }],
      delay: RETRY_DELAYS.outcomeUnknown,
    });
  });
});
