// The log of events over real sockets: looked through, and followed by clients that come and go.
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { randomInt } from "node:crypto";
import * as http2 from "node:http2";
import { setTimeout as pause } from "node:timers/promises";
import { EventSchema, type Event } from "../../gen/countersign/v1/event_pb.ts";
import { EventService, type WatchEventsResponse } from "../../gen/countersign/v1/event_service_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { startTestApplication } from "../support/application.ts";
import { startEventServer, type EventServer, type EventServerOptions } from "../support/event-server.ts";
import {
  closeAll,
  openStreamTransport,
  STREAM_TRANSPORTS,
  type Closing,
} from "../support/stream-transports.ts";
import { frame } from "../support/wire-formats.ts";

jest.setTimeout(60_000);

let server: EventServer;
let adminToken: string;
const closing: Closing = [];

async function serve(options?: EventServerOptions): Promise<void> {
  server = await startEventServer(options);
  closing.push(() => server.stop(200));
  ({ token: adminToken } = await server.addAccount("IAM_OWNER"));
}

afterEach(() => closeAll(closing));

function eventsOver(transport: string, url = server.url): Client<typeof EventService> {
  return createClient(EventService, openStreamTransport(transport, url, closing));
}

const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** A watch that is read message by message. */
class Watch {
  readonly #end = new AbortController();
  readonly #messages: AsyncIterator<WatchEventsResponse>;

  constructor(
    client: Client<typeof EventService>,
    request: Parameters<Client<typeof EventService>["watchEvents"]>[0],
    token = adminToken,
  ) {
    const options = { ...as(token), signal: this.#end.signal };
    this.#messages = client.watchEvents(request, options)[Symbol.asyncIterator]();
    closing.push(() => this.end());
  }

  async next(): Promise<WatchEventsResponse["message"]> {
    const { done, value } = await this.#messages.next();
    if (done === true) throw new Error("the watch ended by itself");
    return value.message;
  }

  /** The next event, whatever heartbeats come before it. */
  async event(): Promise<Event> {
    for (;;) {
      const message = await this.next();
      if (message.case === "event") return message.value;
    }
  }

  async events(count: number): Promise<Event[]> {
    const events: Event[] = [];
    while (events.length < count) events.push(await this.event());
    return events;
  }

  /** What ends it. */
  async failure(): Promise<ConnectError> {
    try {
      for (;;) await this.next();
    } catch (error) {
      return ConnectError.from(error);
    }
  }

  end(): void {
    this.#end.abort();
  }
}

function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason;
}

async function refusalOf(call: Promise<unknown>): Promise<{ code: Code; reason: string | undefined }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  if (error === undefined) throw new Error("the call was not refused");
  return { code: error.code, reason: reasonOf(error) };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

describe.each(STREAM_TRANSPORTS)("over %s", (transport) => {
  beforeEach(() => serve());

  test("a watch says that it lives, gives what there is and what comes, in order", async () => {
    const { world } = server;
    await world.addUser("ada");
    const watch = new Watch(eventsOver(transport), { afterPosition: 0n });
    expect(await watch.next()).toMatchObject({ case: "heartbeat", value: { position: 0n } });
    const positions = (await watch.events(4)).map(({ position }) => position);
    expect(positions).toEqual([1n, 2n, 3n, 4n]);
    const coming = watch.event();
    await world.sendCode("ada");
    expect(await coming).toMatchObject({ position: 5n, type: "user.human.email.code.added" });
  });

  test("a list has the same events", async () => {
    await server.world.addUser("ada");
    const client = eventsOver(transport);
    const { events } = await client.listEvents({ oldestFirst: true }, as(adminToken));
    const watched = await new Watch(client, { afterPosition: 0n }).events(events.length);
    expect(events.map((event) => toJson(EventSchema, event))).toEqual(
      watched.map((event) => toJson(EventSchema, event)),
    );
  });

  test("refusals come as they do for other calls", async () => {
    const client = eventsOver(transport);
    const failed = async (...options: ConstructorParameters<typeof Watch>) => {
      const error = await new Watch(...options).failure();
      return { code: error.code, reason: reasonOf(error) };
    };
    expect(await failed(client, {}, "wrong")).toEqual({
      code: Code.Unauthenticated,
      reason: "TOKEN_INVALID",
    });
    const { token } = await server.addAccount("IAM_USER_MANAGER");
    expect(await failed(client, {}, token)).toMatchObject({ code: Code.PermissionDenied });
    expect(await failed(client, { userId: "x".repeat(201) })).toEqual({
      code: Code.InvalidArgument,
      reason: "REQUEST_INVALID",
    });
    expect(await failed(client, { types: ["user.vanished"] })).toMatchObject({ code: Code.InvalidArgument });
    expect(await failed(client, { afterPosition: 1_000n })).toEqual({
      code: Code.FailedPrecondition,
      reason: "EVENT_POSITION_UNKNOWN",
    });
  });

  test("from a position whose events were removed it begins with none; from 0 it begins with what is left", async () => {
    const { world } = server;
    await world.addUser("ada");
    const after = await world.store.lastPosition();
    for (let count = 0; count < 3; count++) await world.sendCode("ada");
    const lastPosition = await world.store.lastPosition();
    world.nowMs += 1;
    await world.store.maintain({ kind: "pruneEvents", recordedBeforeMs: world.nowMs });
    const client = eventsOver(transport);
    for (const afterPosition of [BigInt(after), BigInt(lastPosition - 2)]) {
      const error = await new Watch(client, { afterPosition }).failure();
      expect({ code: error.code, reason: reasonOf(error) }).toEqual({
        code: Code.FailedPrecondition,
        reason: "EVENTS_PRUNED",
      });
    }
    for (const afterPosition of [0n, BigInt(lastPosition - 1)]) {
      const events = await new Watch(client, { afterPosition, userId: "ada" }).events(1);
      expect(events.map(({ position }) => position)).toEqual([BigInt(lastPosition)]);
    }
  });

  test("a token that is revoked in mid-stream ends the watch within 5 seconds", async () => {
    const { accountId, token } = await server.addAccount("IAM_OWNER_VIEWER");
    const watch = new Watch(eventsOver(transport), { afterPosition: 0n }, token);
    await watch.events(1);
    await server.revoke(accountId);
    const revokedMs = performance.now();
    const error = await watch.failure();
    expect([error.code, reasonOf(error)]).toEqual([Code.Unauthenticated, "TOKEN_INVALID"]);
    expect(performance.now() - revokedMs).toBeLessThan(5_000);
  });
});

describe("a watch", () => {
  test("without a position has only what comes", async () => {
    await serve();
    const { world } = server;
    await world.addUser("ada");
    const watch = new Watch(eventsOver("gRPC"), {});
    const position = BigInt(await world.store.lastPosition());
    expect(await watch.next()).toMatchObject({ case: "heartbeat", value: { position } });
    await world.addUser("bob");
    expect(await watch.event()).toMatchObject({
      position: position + 1n,
      aggregate: { id: "bob", sequence: 1n },
    });
  });

  test("has only what passes its filters, and its heartbeats tell how far it came", async () => {
    await serve({ heartbeatMs: 100 });
    const { world } = server;
    await world.addOrganization("org-2");
    await world.addUser("ada");
    await world.addUser("bob", { organizationId: "org-2" });
    const client = eventsOver("gRPC");
    const ofAda = new Watch(client, { afterPosition: 0n, userId: "ada" });
    const ofTheirs = new Watch(client, { afterPosition: 0n, organizationId: "org-2" });
    const added = new Watch(client, { afterPosition: 0n, types: ["user.human.added"] });
    expect((await ofAda.events(1)).map(({ aggregate }) => aggregate?.id)).toEqual(["ada"]);
    expect((await ofTheirs.events(2)).map(({ aggregate }) => aggregate?.id)).toEqual(["org-2", "bob"]);
    expect((await added.events(2)).map(({ aggregate }) => aggregate?.id)).toEqual(["ada", "bob"]);
    const position = BigInt(await world.store.lastPosition());
    expect(await ofAda.next()).toMatchObject({ case: "heartbeat", value: { position } });
  });

  test("goes through a long log without an event for it, and other calls go on meanwhile", async () => {
    await serve();
    const { world } = server;
    await Promise.all(Array.from({ length: 3_000 }, (_, index) => world.addUser(`user-${index}`)));
    await world.run({ type: "user.lock", userId: "user-1" });
    const watch = new Watch(eventsOver("gRPC"), { afterPosition: 0n, types: ["user.locked"] });
    expect(await watch.event()).toMatchObject({ aggregate: { id: "user-1" } });
  });

  test("of an account of one organization has that one's events alone; named, others are refused", async () => {
    await serve();
    const { world } = server;
    await world.addOrganization("org-2");
    await world.addUser("bob", { organizationId: "org-2" });
    await world.addUser("ada");
    const { token } = await server.addAccount("ORG_OWNER_VIEWER", "org-2");
    const client = eventsOver("gRPC");
    const watch = new Watch(client, { afterPosition: 0n }, token);
    const watched = await watch.events(3);
    expect(new Set(watched.map(({ aggregate }) => aggregate?.organizationId))).toEqual(new Set(["org-2"]));
    const { events } = await client.listEvents({ oldestFirst: true, pageSize: 2 }, as(token));
    expect(events.map(({ position }) => position)).toEqual(
      watched.slice(0, 2).map(({ position }) => position),
    );
    const theirs = { organizationId: "org-1" };
    expect(await refusalOf(client.listEvents(theirs, as(token)))).toMatchObject({
      code: Code.PermissionDenied,
    });
    expect((await new Watch(client, theirs, token).failure()).code).toBe(Code.PermissionDenied);
  });

  test("ends when its account loses the role that it takes", async () => {
    await serve();
    const { world } = server;
    const { accountId, token } = await server.addAccount("IAM_OWNER_VIEWER");
    const watch = new Watch(eventsOver("gRPC"), { afterPosition: 0n }, token);
    await watch.events(1);
    const roles = [{ role: "IAM_USER_MANAGER" }];
    await world.store.execute(
      { type: "serviceAccount.setRoles", serviceAccountId: accountId, roles },
      world.plain(),
    );
    expect((await watch.failure()).code).toBe(Code.PermissionDenied);
  });

  test("finds its seat again once others are left, and is told when to look", async () => {
    await serve({ watchLimits: { perPrincipal: 2, inAll: 3 } });
    const { token: otherToken } = await server.addAccount("IAM_OWNER");
    const client = eventsOver("gRPC");
    const seated = [new Watch(client, {}), new Watch(client, {}), new Watch(client, {}, otherToken)];
    for (const watch of seated) await watch.next();
    for (const token of [adminToken, otherToken]) {
      const error = await new Watch(client, {}, token).failure();
      expect([error.code, reasonOf(error)]).toEqual([Code.ResourceExhausted, "STREAM_LIMIT_REACHED"]);
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(5n);
    }
    seated[0]?.end();
    await until(async () => {
      const watch = new Watch(client, {});
      return watch.next().then(
        () => true,
        () => false,
      );
    });
  });

  test("ends with UNAVAILABLE as soon as the service stops, and does not hold up the stop", async () => {
    const application = await startTestApplication({ env: { COUNTERSIGN_SHUTDOWN_GRACE: "30s" } });
    const watch = new Watch(eventsOver("gRPC", application.url), {}, application.token);
    await watch.next();
    const stopped = application.stop();
    expect((await watch.failure()).code).toBe(Code.Unavailable);
    const startedMs = performance.now();
    await stopped;
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  test("has no REST form", async () => {
    await serve();
    const response = await fetch(`${server.url}/countersign/v1/events/watch`, {
      method: "POST",
      headers: { ...as(adminToken).headers, "content-type": "application/json" },
      body: "{}",
    });
    expect(response.status).toBe(404);
  });
});

describe("a watcher that never reads", () => {
  /** A gRPC call whose answer nobody takes. */
  async function neverRead(): Promise<http2.ClientHttp2Stream> {
    const session = http2.connect(server.url);
    closing.push(() => session.destroy());
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/countersign.v1.EventService/WatchEvents",
      "content-type": "application/grpc",
      te: "trailers",
      ...as(adminToken).headers,
    });
    stream.on("error", () => {});
    // after_position: 0
    stream.end(frame(Buffer.from([0x08, 0x00])));
    await new Promise((resolve) => stream.once("response", resolve));
    return stream;
  }

  test("gets no more than fits on the way, holds up nobody, and is ended", async () => {
    await serve({ messageTimeoutMs: 2_000 });
    const { world } = server;
    // The last page that the reader gets is not full: nothing is read for it afterwards.
    const last = 8_050;
    await Promise.all(Array.from({ length: last }, (_, index) => world.addUser(`user-${index}`)));
    const reads = jest.spyOn(world.store, "readEvents");
    const stream = await neverRead();
    const closed = new Promise((resolve) => stream.once("close", resolve));
    await until(() => reads.mock.calls.length > 1);
    const reader = new Watch(eventsOver("gRPC"), { afterPosition: 0n });
    expect((await reader.events(last)).at(-1)?.position).toBe(BigInt(last));
    expect(stream.closed).toBe(false);
    reader.end();
    reads.mockClear();
    await closed;
    // A window of HTTP/2 has 64 KiB, an event some 200 bytes: a thirtieth of the log at most was asked for.
    const furthest = Math.max(0, ...reads.mock.calls.map(([afterPosition]) => afterPosition));
    expect(furthest).toBeLessThan(2_000);
    await until(() => server.log.some((line) => line.includes("WatchEvents") && line.includes("canceled")));
  });
});

describe("under 64 writers", () => {
  test("a watcher restarted at random sees every event exactly once, and in order per user", async () => {
    await serve();
    const users = createClient(UserService, openStreamTransport("gRPC", server.url, closing));
    async function write(writer: number): Promise<void> {
      for (let round = 0; round < 6; round++) {
        const userId = `writer-${writer}-user-${round % 2}`;
        const request = { userId, profile: { givenName: "Ada", familyName: "Lovelace" } };
        if (round < 2) {
          const email = {
            email: `${userId}@example.com`,
            verification: { case: "sendCode", value: {} },
          } as const;
          await users.addHumanUser({ ...request, email }, as(adminToken));
        } else {
          await users.sendEmailCode(
            { userId, verification: { case: "sendCode", value: {} } },
            as(adminToken),
          );
          await users.verifyEmail({ userId, verificationCode: "WRONG2" }, as(adminToken)).catch(() => {});
        }
      }
    }

    async function follow(transport: string): Promise<Event[]> {
      const client = eventsOver(transport);
      const seen: Event[] = [];
      let afterPosition = 0n;
      for (;;) {
        const watch = new Watch(client, { afterPosition });
        try {
          for (let left = randomInt(1, 60); left > 0; left--) {
            const message = await watch.next();
            if (message.case === "heartbeat") {
              expect(message.value.position).toBe(afterPosition);
            } else if (message.case === "event") {
              seen.push(message.value);
              afterPosition = message.value.position;
              if (message.value.aggregate?.id === "the-end") return seen;
            }
          }
        } finally {
          watch.end();
        }
      }
    }

    const following = ["gRPC", "gRPC-Web over HTTP/1.1", "Connect JSON over HTTP/1.1"].map(follow);
    await Promise.all(Array.from({ length: 64 }, (_, writer) => write(writer)));
    await server.world.addOrganization("the-end");
    for (const seen of await Promise.all(following)) {
      const log = await server.world.store.readEvents(0, seen.length);
      expect(seen.map(({ position }) => Number(position))).toEqual(log.map(({ position }) => position));
      const sequences = new Map<string, bigint>();
      for (const { aggregate } of seen) {
        const { type = "", id = "", sequence = 0n } = aggregate ?? {};
        expect(sequence).toBe((sequences.get(`${type} ${id}`) ?? 0n) + 1n);
        sequences.set(`${type} ${id}`, sequence);
      }
    }
  });
});

describe("what events tell", () => {
  test("who, from where, and what: never a code, a digest, a token or a link", async () => {
    await serve();
    const { world } = server;
    const users = createClient(UserService, openStreamTransport("gRPC", server.url, closing));
    const urlTemplate = "https://app.example/verify?secret=hidden&code={{.Code}}";
    await world.addUser("ada");
    const options = { headers: { ...as(adminToken).headers, "x-request-id": "request-7" } };
    const { verificationCode } = await users.sendEmailCode(
      { userId: "ada", verification: { case: "returnCode", value: {} } },
      options,
    );
    await users.sendEmailCode(
      { userId: "ada", verification: { case: "sendCode", value: { urlTemplate } } },
      options,
    );
    const client = eventsOver("gRPC");
    const { events } = await client.listEvents({}, as(adminToken));
    const shown = events.map((event) => toJson(EventSchema, event));
    const { accountId } = { accountId: (shown[0] as { editor: { id: string } }).editor.id };
    expect(shown[0]).toEqual({
      position: expect.any(String),
      type: "user.human.email.code.added",
      createTime: expect.any(String),
      aggregate: { type: "user", id: "ada", organizationId: "org-1", sequence: "3" },
      editor: { id: accountId },
      origin: { requestId: "request-7" },
      payload: { codeId: expect.any(String), expiry: 3_600_000_000_000 },
    });
    const text = JSON.stringify(shown);
    const stored = (await world.store.readEvents(0, 100)).map(({ payload }) => payload);
    const secrets = JSON.stringify(stored).match(/"(?:hash|mac|keyId)":"[^"]+"/g) ?? [];
    expect(secrets.length).toBeGreaterThan(2);
    for (const secret of secrets) expect(text).not.toContain(secret.split(":")[1]?.replaceAll('"', ""));
    expect(text).not.toContain("hidden");
    expect(text).not.toContain(verificationCode);
  });

  test.each([
    ["off", undefined],
    ["on", "127.0.0.1"],
  ])("the client's address, with COUNTERSIGN_EVENT_CLIENT_IP=%s", async (setting, clientIp) => {
    const application = await startTestApplication({ env: { COUNTERSIGN_EVENT_CLIENT_IP: setting } });
    closing.push(() => application.stop());
    const headers = { authorization: `Bearer ${application.token}`, "x-request-id": "request-9" };
    const user = {
      userId: "ada",
      profile: { givenName: "Ada", familyName: "L" },
      email: { email: "a@example.com" },
    };
    const init = { method: "POST", headers, body: JSON.stringify(user) };
    expect((await fetch(`${application.url}/v2/users/human`, init)).status).toBe(200);
    const form = new URLSearchParams({ userId: "ada", code: "WRONG2" });
    await fetch(`${application.url}/verify`, {
      method: "POST",
      body: form,
      headers: { "x-request-id": "request-10" },
    });
    const list = await fetch(`${application.url}/countersign/v1/events?user_id=ada&oldest_first=true`, {
      headers,
    });
    const answer = (await list.json()) as { events: { type: string; editor: object; origin: object }[] };
    // Recorded when the mail has left, which nobody waits for here.
    const events = answer.events.filter(({ type }) => type !== "user.human.email.code.sent");
    const address = clientIp === undefined ? {} : { clientIp };
    expect(events.map(({ origin }) => origin)).toEqual([
      { requestId: "request-9", ...address },
      { requestId: "request-9", ...address },
      { requestId: "request-10", ...address },
    ]);
    expect(events.at(-1)?.editor).toEqual({ id: "anonymous" });
  });
});
