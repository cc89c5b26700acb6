// The mail thread as the dispatcher sees it: a real thread, a real relay.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeepMail } from "../../src/mail/dev-inbox.ts";
import { HandOver, type Leave } from "../../src/mail/hand-over.ts";
import type { MailRoute } from "../../src/mail/mail-route.ts";
import type { Mail } from "../../src/mail/message.ts";
import { MailThread } from "../../src/mail/thread/mail-thread.ts";
import { RecordingRelay } from "../support/recording-relay.ts";
import { TestLog } from "./log.ts";
import { mailRequest } from "./mail-request.ts";

const FROM = { name: "Countersign", address: "no-reply@localhost" };
const LEAVE: Leave = { untilMs: Infinity, release() {} };
const INBOX: MailRoute = { kind: "inbox" };

let log: TestLog;
let relay: RecordingRelay;
const threads: MailThread[] = [];

beforeEach(async () => {
  log = new TestLog();
  relay = await RecordingRelay.start();
});

afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
  await relay.stop();
});

function start(route: MailRoute = smtp(relay.port), keep: KeepMail = () => Promise.resolve()): MailThread {
  const thread = new MailThread({ route, composer: { from: FROM }, keep, logger: log.logger });
  threads.push(thread);
  return thread;
}

function smtp(port: number): MailRoute {
  return { kind: "smtp", relays: [{ host: "127.0.0.1", port, secure: false }] };
}

function allowed(): HandOver {
  return new HandOver(() => Promise.resolve(LEAVE));
}

/** Counts how often it was released. */
class CountedLeave implements Leave {
  released = 0;
  readonly untilMs: number;

  constructor(untilMs = Infinity) {
    this.untilMs = untilMs;
  }

  release(): void {
    this.released += 1;
  }
}

test("says before any mail where mails go, and how many at once", () => {
  expect(start().description).toBe(`SMTP 127.0.0.1:${relay.port}`);
  expect(start(INBOX).description).toBe("dev inbox");
  expect(start().connections).toBeGreaterThanOrEqual(1);
});

test("a mail reaches the relay, and the relay's word comes back", async () => {
  const outcome = await start().deliver(mailRequest(), allowed());
  expect(outcome).toMatchObject({ kind: "accepted", tries: [{ outcome: "accepted", replyCode: 250 }] });
  expect(relay.accepted).toMatchObject([{ recipient: "ada@example.com", code: "ABC234" }]);
});

test("many at once, over no more connections than it says", async () => {
  const thread = start();
  const requests = Array.from({ length: 40 }, (_, index) => mailRequest({ deliveryId: `delivery-${index}` }));
  const outcomes = await Promise.all(requests.map((request) => thread.deliver(request, allowed())));
  expect(outcomes.filter(({ kind }) => kind === "accepted")).toHaveLength(40);
  expect(new Set(relay.accepted.map(({ messageId }) => messageId)).size).toBe(40);
  expect(relay.connections).toBeLessThanOrEqual(thread.connections);
});

test("asks when the relay has said hello, and sends nothing when the answer is no", async () => {
  const steps: string[] = [];
  relay.at = (point) => void steps.push(point);
  const handOver = new HandOver(() => {
    steps.push("asked");
    return Promise.resolve(undefined);
  });
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "withdrawn" });
  expect(steps).toEqual(["connect", "asked"]);
});

test("what was withdrawn between the answer and the envelope does not leave", async () => {
  const handOver = new HandOver(() => {
    handOver.withdraw();
    return Promise.resolve(LEAVE);
  });
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "withdrawn" });
  expect(handOver.isTaken).toBe(false);
  expect(relay.transactions).toEqual([]);
});

test("a look at the code that fails lets nothing leave", async () => {
  const handOver = new HandOver(() => Promise.reject(new Error("the database is away")));
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "withdrawn" });
  expect(relay.transactions).toEqual([]);
});

test("nothing is asked while the look at the code holds", async () => {
  const handOver = new HandOver(() => Promise.reject(new Error("asked")));
  handOver.foundLive(60_000);
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "accepted" });
  expect(handOver.isTaken).toBe(true);
});

test("what was withdrawn does not leave while the look holds, and nothing is asked", async () => {
  const handOver = new HandOver(() => Promise.reject(new Error("asked")));
  handOver.foundLive(60_000);
  handOver.withdraw();
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "withdrawn" });
  expect(relay.transactions).toEqual([]);
});

test("asks when the look no longer holds", async () => {
  const handOver = new HandOver(() => Promise.resolve(undefined));
  handOver.foundLive(50);
  relay.at = (point) => (point === "connect" ? sleep(60) : undefined);
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "withdrawn" });
});

test("a withdrawal comes too late once the envelope is on its way", async () => {
  const handOver = allowed();
  relay.at = (point) => {
    if (point === "mail") handOver.withdraw();
  };
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "accepted" });
  expect(handOver.isTaken).toBe(true);
});

test("a leave is kept until the relay has answered MAIL FROM, and no longer", async () => {
  const leave = new CountedLeave();
  const isReleased = Promise.withResolvers<void>();
  const seen: number[] = [];
  relay.at = (point) => {
    if (point === "mail") seen.push(leave.released);
    // The relay goes on once it is: at the latest the end of the send would release it, and that does not come.
    return point === "body" ? isReleased.promise : undefined;
  };
  const handOver = new HandOver(() =>
    Promise.resolve({
      untilMs: leave.untilMs,
      release() {
        leave.release();
        isReleased.resolve();
      },
    }),
  );
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "accepted" });
  expect([...seen, leave.released]).toEqual([0, 1]);
});

test("a leave whose time is over is none: the mail is asked for again", async () => {
  const leaves = [new CountedLeave(1), new CountedLeave()];
  let asked = 0;
  const handOver = new HandOver(() => Promise.resolve(leaves[asked++]));
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "accepted" });
  handOver.end();
  expect(asked).toBe(2);
  expect(leaves.map(({ released }) => released)).toEqual([1, 1]);
});

test("a leave that is lost before the mail was taken withdraws it; one that was lost before it does not", async () => {
  const leaves = [new CountedLeave(1), new CountedLeave()];
  const lose: (() => void)[] = [];
  const handOver = new HandOver((lost) => {
    lose.push(lost);
    return Promise.resolve(leaves[lose.length - 1]);
  });
  await handOver.ask();
  await handOver.ask();
  lose[0]?.();
  expect(leaves.map(({ released }) => released)).toEqual([1, 0]);
  lose[1]?.();
  expect(leaves.map(({ released }) => released)).toEqual([1, 1]);
  expect(await start().deliver(mailRequest(), handOver)).toMatchObject({ kind: "withdrawn" });
});

test("a leave that comes when the send is over is given back", async () => {
  const leave = new CountedLeave();
  const handOver = new HandOver(() => Promise.resolve(leave));
  const asking = handOver.ask();
  handOver.end();
  expect(await asking).toBe(0);
  expect(leave.released).toBe(1);
});

test("mails of the dev inbox are kept by the main thread", async () => {
  const kept: Mail[] = [];
  const keep = (mail: Mail) => Promise.resolve(void kept.push(mail));
  expect(await start(INBOX, keep).deliver(mailRequest(), allowed())).toMatchObject({ kind: "accepted" });
  expect(kept).toMatchObject([{ request: { code: "ABC234" }, text: expect.stringContaining("ABC234") }]);
});

test("an inbox that cannot be written is a reason to try later", async () => {
  const keep = () => Promise.reject(new TypeError("disk full: ada@example.com"));
  const outcome = await start(INBOX, keep).deliver(mailRequest(), allowed());
  expect(outcome).toMatchObject({ kind: "transient" });
  expect(JSON.stringify(outcome)).not.toContain("ada@");
});

test("close gives up what is on its way", async () => {
  const reached = Promise.withResolvers<void>();
  relay.at = (point) => {
    if (point !== "dot") return;
    reached.resolve();
    return new Promise(() => {});
  };
  const thread = start();
  const sending = thread.deliver(mailRequest(), allowed());
  await reached.promise;
  await thread.close();
  expect(await sending).toMatchObject({ kind: "transient" });
  expect(await thread.deliver(mailRequest(), allowed())).toMatchObject({
    kind: "transient",
    problem: "the mail thread was closed",
  });
});

test("a thread that breaks fails what was with it, and the next mail has a new one", async () => {
  const thread = start({ kind: "smtp", relays: [] });
  expect(await thread.deliver(mailRequest(), allowed())).toMatchObject({
    kind: "transient",
    problem: "the mail thread ended",
  });
  expect(await thread.deliver(mailRequest(), allowed())).toMatchObject({ kind: "transient" });
  expect(log.lines.filter(({ msg }) => msg === "the mail thread broke")).toHaveLength(2);
});
