// Several relays, of which some die and come back.
import { describe, expect, test } from "@jest/globals";
import { RETRY_DELAYS } from "../../../src/mail/retry-policy.ts";
import { friendly } from "../relay.ts";
import { at, deadPort, Harness, NO_PERMIT, PERMIT } from "./harness.ts";
import { sampleMail } from "./sample-mail.ts";

const START_MS = Date.UTC(2026, 10, 22);

const harness = new Harness();

/** Moved by the test alone. */
class Clock {
  ms = START_MS;
  readonly options = { nowMs: () => this.ms, random: () => 0.5 };
}

describe("two relays, of which the first dies and comes back", () => {
  test("three faults, then the second alone; one mail finds the first well again, and the others follow", async () => {
    const clock = new Clock();
    const first = await harness.mortal(friendly());
    const { port } = first;
    const second = await harness.script(friendly());
    const transport = harness.transport([at(port), at(second.port)], clock.options);
    const send = () => transport.send(sampleMail(), PERMIT);

    expect(await send()).toMatchObject({ kind: "accepted", tries: [{ relay: `127.0.0.1:${port}` }] });
    await first.stop();
    for (let n = 0; n < 3; n++) {
      expect(await send()).toMatchObject({ tries: [{ outcome: "transient" }, { outcome: "accepted" }] });
    }
    expect(harness.log.lines.at(-1)).toMatchObject({
      msg: "relay rests",
      restsUntil: new Date(START_MS + 5_000).toISOString(),
    });
    expect(await send()).toMatchObject({ kind: "accepted", tries: [{ relay: `127.0.0.1:${second.port}` }] });

    const held = Promise.withResolvers<void>();
    const back = await harness.script(
      friendly({ MAIL: (socket) => void held.promise.then(() => socket.write("250 fine\r\n")) }),
      undefined,
      port,
    );
    clock.ms += 4_999;
    expect(await send()).toMatchObject({ tries: [{ relay: `127.0.0.1:${second.port}` }] });
    expect(back.connections).toBe(0);
    clock.ms += 1;
    const probe = send();
    await back.until(() => back.count("MAIL FROM") === 1);
    const others = await Promise.all([send(), send(), send()]);
    for (const other of others)
      expect(other).toMatchObject({ tries: [{ relay: `127.0.0.1:${second.port}` }] });
    expect(back.count("MAIL FROM")).toBe(1);
    held.resolve();
    expect(await probe).toMatchObject({ kind: "accepted", tries: [{ relay: `127.0.0.1:${port}` }] });
    expect(harness.log.lines.at(-1)).toMatchObject({ msg: "relay takes mail again" });

    const mailsOfSecond = second.count("MAIL FROM");
    await Promise.all([send(), send(), send()]);
    expect(second.count("MAIL FROM")).toBe(mailsOfSecond);
  });

  test("a probe that fails goes through the second, and the first rests twice as long", async () => {
    const clock = new Clock();
    const second = await harness.script(friendly());
    const transport = harness.transport([at(await deadPort()), at(second.port)], clock.options);
    const send = () => transport.send(sampleMail(), PERMIT);
    for (let n = 0; n < 3; n++) await send();
    for (const restMs of [10_000, 20_000, 40_000, 60_000, 60_000]) {
      clock.ms += 60_000;
      expect(await send()).toMatchObject({ tries: [{ outcome: "transient" }, { outcome: "accepted" }] });
      const restsUntil = new Date(clock.ms + restMs).toISOString();
      expect(harness.log.lines.at(-1)).toMatchObject({ msg: "relay rests", restsUntil });
      expect(await send()).toMatchObject({ tries: [{ outcome: "accepted" }] });
    }
  });
});

describe("when all relays rest", () => {
  test("mails are told at once until when, and no network is touched", async () => {
    const clock = new Clock();
    const relays = [
      await harness.script(friendly({ EHLO: "421 closing" })),
      await harness.script(friendly({ EHLO: "421 closing" })),
    ];
    const transport = harness.transport(
      relays.map(({ port }) => at(port)),
      clock.options,
    );
    const send = () => transport.send(sampleMail(), PERMIT);
    expect(await send()).not.toHaveProperty("pausedUntilMs");
    expect(await send()).not.toHaveProperty("pausedUntilMs");
    expect(await send()).toMatchObject({
      kind: "transient",
      tries: [{ replyCode: 421 }, { replyCode: 421 }],
      pausedUntilMs: START_MS + 5_000,
      delay: RETRY_DELAYS.closing,
    });
    const connections = relays.map((relay) => relay.connections);
    const names = relays.map(({ port }) => `127.0.0.1:${port}: the relay is closing`).join("; ");
    expect(await send()).toEqual({
      kind: "transient",
      problem: `every relay rests after faults (${names})`,
      tries: [],
      delay: RETRY_DELAYS.unreachable,
      pausedUntilMs: START_MS + 5_000,
    });
    expect(relays.map((relay) => relay.connections)).toEqual(connections);
    clock.ms += 5_000;
    expect(await send()).toMatchObject({ tries: [{}, {}], pausedUntilMs: START_MS + 15_000 });
  });

  test("the earliest end of a rest counts", async () => {
    const clock = new Clock();
    let draw = 0;
    const transport = harness.transport([at(await deadPort()), at(await deadPort())], {
      ...clock.options,
      random: () => [1, 0][draw++] ?? 0.5,
    });
    const send = () => transport.send(sampleMail(), PERMIT);
    for (let n = 0; n < 3; n++) await send();
    expect(await send()).toMatchObject({ pausedUntilMs: START_MS + 4_000 });
  });

  test("a single probe is under way at a time; the others ask again a second later", async () => {
    const clock = new Clock();
    let isWell = false;
    const relay = await harness.script(friendly({ MAIL: (socket) => void (isWell || socket.destroy()) }));
    const transport = harness.transport([at(relay.port)], clock.options);
    const send = () => transport.send(sampleMail(), PERMIT);
    for (let n = 0; n < 3; n++) await send();
    isWell = true;
    clock.ms += 5_000;
    const mailsBefore = relay.count("MAIL FROM");
    const probe = send();
    await relay.until(() => relay.count("MAIL FROM") === mailsBefore + 1);
    expect(await send()).toMatchObject({ kind: "transient", tries: [], pausedUntilMs: clock.ms + 1_000 });
    expect(relay.count("MAIL FROM")).toBe(mailsBefore + 1);
    await transport.close();
    expect((await probe).kind).toBe("transient");
  });

  test("a probe that is withdrawn leaves its place to the next mail", async () => {
    const clock = new Clock();
    const port = await deadPort();
    const transport = harness.transport([at(port)], clock.options);
    for (let n = 0; n < 3; n++) await transport.send(sampleMail(), PERMIT);
    const relay = await harness.script(friendly(), undefined, port);
    clock.ms += 5_000;
    expect(await transport.send(sampleMail(), NO_PERMIT)).toEqual({ kind: "withdrawn" });
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(relay.count("MAIL FROM")).toBe(1);
  });
});

describe("a relay does not rest", () => {
  test("for what it says of mails", async () => {
    const relay = await harness.script(friendly({ RCPT: "450 4.2.0 later" }));
    const transport = harness.transport([at(relay.port)]);
    for (let n = 0; n < 10; n++) {
      const outcome = await transport.send(sampleMail(), PERMIT);
      expect(outcome).toMatchObject({ kind: "transient", tries: [{ replyCode: 450 }] });
      expect(outcome).not.toHaveProperty("pausedUntilMs");
    }
  });

  test("for faults with mails that went well between them", async () => {
    let mails = 0;
    const relay = await harness.script(
      friendly({
        RCPT: (socket) => void (++mails % 3 === 0 ? socket.write("250 fine\r\n") : socket.destroy()),
      }),
    );
    const transport = harness.transport([at(relay.port)]);
    const kinds: string[] = [];
    for (let n = 0; n < 9; n++) kinds.push((await transport.send(sampleMail(), PERMIT)).kind);
    expect(kinds).toEqual([1, 2, 3].flatMap(() => ["transient", "transient", "accepted"]));
  });
});

test("a relay that refuses the login rests at once: repeated logins lock accounts", async () => {
  const clock = new Clock();
  const relay = await harness.script(friendly({ EHLO: "250-relay\r\n250 AUTH PLAIN", AUTH: "535 5.7.8 no" }));
  const transport = harness.transport([at(relay.port, { user: "me", password: "wrong" })], clock.options);
  for (let n = 0; n < 5; n++) {
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ pausedUntilMs: START_MS + 5_000 });
  }
  expect(relay.count("AUTH")).toBe(1);
});

test("a throttled relay is one fault of the relay, and the next takes the mail", async () => {
  const relay = await harness.script(friendly({ MAIL: "421 4.7.28 rate limit" }));
  const next = await harness.script(friendly());
  const outcome = await harness.transport([at(relay.port), at(next.port)]).send(sampleMail(), PERMIT);
  expect(outcome).toMatchObject({ kind: "accepted", tries: [{ enhancedCode: "4.7.28" }, {}] });
});
