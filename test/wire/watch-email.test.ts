// Watches of an address over real sockets: what is verified in one place is known in all the others within a second.
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import * as http2 from "node:http2";
import { setTimeout as pause } from "node:timers/promises";
import {
  VerificationService,
  type EmailStatus,
  type WatchEmailResponse,
} from "../../gen/countersign/v1/verification_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { startTestApplication } from "../support/application.ts";
import { startEventServer, type EventServer, type EventServerOptions } from "../support/event-server.ts";
import { isOnPostgres } from "../support/test-database.ts";
import {
  closeAll,
  openStreamTransport,
  STREAM_TRANSPORTS,
  type Closing,
} from "../support/stream-transports.ts";
import { frame } from "../support/wire-formats.ts";

jest.setTimeout(60_000);

/** From the answer of what verifies to the message of a watch. */
const SOON_MS = 1_000;

let server: EventServer;
let adminToken: string;
const closing: Closing = [];

async function serve(options?: EventServerOptions): Promise<void> {
  server = await startEventServer(options);
  closing.push(() => server.stop(200));
  ({ token: adminToken } = await server.addAccount("IAM_OWNER"));
  await server.world.addUser("ada");
}

afterEach(() => closeAll(closing));

function clientOver(transport = "gRPC", url = server.url): Client<typeof VerificationService> {
  return createClient(VerificationService, openStreamTransport(transport, url, closing));
}

type Request = Parameters<Client<typeof VerificationService>["watchEmail"]>[0];

/** A watch that is read message by message. */
class Watch {
  readonly #end = new AbortController();
  readonly #messages: AsyncIterator<WatchEmailResponse>;

  constructor(client = clientOver(), request: Request = { userId: "ada" }, token = adminToken) {
    const headers = token === "" ? undefined : { authorization: `Bearer ${token}` };
    const options = { ...(headers !== undefined && { headers }), signal: this.#end.signal };
    this.#messages = client.watchEmail(request, options)[Symbol.asyncIterator]();
    closing.push(() => this.end());
  }

  /** Undefined at the end that is no failure. */
  async next(): Promise<WatchEmailResponse["message"] | undefined> {
    const { done, value } = await this.#messages.next();
    return done === true ? undefined : value.message;
  }

  /** The next status, whatever heartbeats come before it. */
  async status(): Promise<EmailStatus> {
    for (;;) {
      const message = await this.next();
      if (message === undefined) throw new Error("the watch ended by itself");
      if (message.case === "status") return message.value;
    }
  }

  async verified(): Promise<EmailStatus> {
    for (;;) {
      const status = await this.status();
      if (status.isVerified) return status;
    }
  }

  /** Code and reason of what ends it. */
  async failure(): Promise<readonly [Code, string | undefined]> {
    try {
      while ((await this.next()) !== undefined);
    } catch (error) {
      const failure = ConnectError.from(error);
      return [failure.code, failure.findDetails(ErrorInfoSchema)[0]?.reason];
    }
    throw new Error("the watch ended by itself");
  }

  end(): void {
    this.#end.abort();
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(10);
}

describe.each(STREAM_TRANSPORTS)("over %s", (transport) => {
  beforeEach(() => serve());

  test("tells the status, each change, and ends when the address is verified", async () => {
    const { world } = server;
    const watch = new Watch(clientOver(transport));
    const first = { userId: "ada", organizationId: "org-1", address: "ada@example.com", sequence: 1n };
    expect(await watch.status()).toMatchObject({ ...first, isVerified: false });
    await world.sendCode("ada");
    const waiting = await watch.status();
    expect(waiting).toMatchObject({ ...first, isVerified: false, sequence: 2n });
    expect(Number(waiting.codeExpireTime?.seconds) * 1_000).toBeGreaterThan(world.nowMs);
    const verified = watch.verified();
    await world.verify("ada", world.codeOf("ada"));
    const startedMs = performance.now();
    expect(await verified).toMatchObject({ isVerified: true, sequence: 3n, address: "ada@example.com" });
    expect(performance.now() - startedMs).toBeLessThan(SOON_MS);
    expect(await watch.next()).toBeUndefined();
  });

  test("a token that is revoked in mid-stream ends the watch within 5 seconds", async () => {
    const { accountId, token } = await server.addAccount("IAM_OWNER_VIEWER");
    const watch = new Watch(clientOver(transport), { userId: "ada" }, token);
    await watch.status();
    await server.revoke(accountId);
    const revokedMs = performance.now();
    expect(await watch.failure()).toEqual([Code.Unauthenticated, "TOKEN_INVALID"]);
    expect(performance.now() - revokedMs).toBeLessThan(5_000);
  });

  test("refusals come as they do for other calls", async () => {
    const client = clientOver(transport);
    const failed = (request: Request, token: string) => new Watch(client, request, token).failure();
    expect(await failed({ userId: "ada" }, "")).toEqual([Code.Unauthenticated, "AUTH_HEADER_MISSING"]);
    expect(await failed({ userId: "nobody" }, adminToken)).toEqual([Code.NotFound, "USER_NOT_FOUND"]);
    expect(await failed({ userId: "" }, adminToken)).toEqual([Code.InvalidArgument, "REQUEST_INVALID"]);
  });
});

describe("a watch", () => {
  test("of a verified address tells so and ends, whatever its client has seen", async () => {
    await serve();
    const { world } = server;
    await world.addUser("bob", {
      email: { address: "bob@example.com", verification: { kind: "verified" } },
    });
    for (const afterSequence of [undefined, 1n, 7n]) {
      const request = { userId: "bob", ...(afterSequence !== undefined && { afterSequence }) };
      const watch = new Watch(clientOver(), request);
      expect(await watch.next()).toMatchObject({ case: "status", value: { isVerified: true } });
      expect(await watch.next()).toBeUndefined();
    }
  });

  test("goes on after the sequence that its client has: nothing again, nothing left out", async () => {
    await serve();
    const { world } = server;
    const before = new Watch();
    const { sequence: afterSequence } = await before.status();
    before.end();
    const same = new Watch(clientOver(), { userId: "ada", afterSequence });
    expect(await same.next()).toMatchObject({ case: "heartbeat" });
    same.end();
    // While nobody watched.
    await world.sendCode("ada");
    const after = new Watch(clientOver(), { userId: "ada", afterSequence });
    expect(await after.next()).toMatchObject({ case: "status", value: { sequence: afterSequence + 1n } });
    // A sequence that is not reached yet: the database is an older one, from a backup.
    const ahead = new Watch(clientOver(), { userId: "ada", afterSequence: 100n });
    expect(await ahead.next()).toMatchObject({ case: "status", value: { sequence: 2n } });
  });

  test("says that it lives, and nothing of other users", async () => {
    await serve({ heartbeatMs: 100 });
    const watch = new Watch();
    await watch.status();
    await server.world.addUser("bob");
    expect(await watch.next()).toMatchObject({ case: "heartbeat" });
    expect(await watch.next()).toMatchObject({ case: "heartbeat" });
  });

  test("goes on with a new address, and names it", async () => {
    await serve();
    const { world } = server;
    const watch = new Watch();
    await watch.status();
    await world.setEmail("ada", "lovelace@example.com");
    expect(await watch.status()).toMatchObject({ address: "lovelace@example.com", isVerified: false });
    await world.verify("ada", world.codeOf("ada"));
    expect(await watch.verified()).toMatchObject({ address: "lovelace@example.com" });
  });

  test("ends by itself after its time", async () => {
    await serve({ emailWatchMs: 300 });
    const startedMs = performance.now();
    const watch = new Watch();
    expect(await watch.status()).toMatchObject({ isVerified: false });
    expect(await watch.next()).toBeUndefined();
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(290);
  });

  test("ends when its user is deleted", async () => {
    await serve();
    const watch = new Watch();
    await watch.status();
    await server.world.run({ type: "user.delete", userId: "ada" });
    expect(await watch.failure()).toEqual([Code.NotFound, "USER_NOT_FOUND"]);
  });

  test("tells nothing more once its account has lost the role", async () => {
    await serve({ heartbeatMs: 200 });
    const { world } = server;
    const { accountId, token } = await server.addAccount("ORG_USER_MANAGER", "org-1");
    const watch = new Watch(clientOver(), { userId: "ada" }, token);
    await watch.status();
    await world.addOrganization("org-2");
    // The permission is still held, but somewhere else.
    const roles = [{ role: "ORG_USER_MANAGER", organizationId: "org-2" }];
    const command = { type: "serviceAccount.setRoles", serviceAccountId: accountId, roles } as const;
    await world.store.execute(command, world.plain());
    expect(await watch.failure()).toEqual([Code.PermissionDenied, "PERMISSION_DENIED"]);
  });

  test("of users of another organization is refused", async () => {
    await serve();
    await server.world.addOrganization("org-2");
    const { token } = await server.addAccount("ORG_OWNER", "org-2");
    const watch = new Watch(clientOver(), { userId: "ada" }, token);
    expect(await watch.failure()).toEqual([Code.PermissionDenied, "PERMISSION_DENIED"]);
  });

  test("finds its seat again once others are left", async () => {
    await serve({ emailWatchLimits: { perPrincipal: 1, inAll: 10 } });
    const seated = new Watch();
    await seated.status();
    expect(await new Watch().failure()).toEqual([Code.ResourceExhausted, "STREAM_LIMIT_REACHED"]);
    seated.end();
    for (;;) {
      const isSeated = await new Watch().status().then(
        () => true,
        () => false,
      );
      if (isSeated) break;
    }
  });

  test("ends with UNAVAILABLE as soon as the service stops, and does not hold up the stop", async () => {
    const application = await startTestApplication({ env: { COUNTERSIGN_SHUTDOWN_GRACE: "30s" } });
    const headers = { authorization: `Bearer ${application.token}` };
    const user = {
      userId: "ada",
      profile: { givenName: "Ada", familyName: "L" },
      email: { email: "a@example.com" },
    };
    const init = { method: "POST", headers, body: JSON.stringify(user) };
    expect((await fetch(`${application.url}/v2/users/human`, init)).status).toBe(200);
    const client = clientOver("gRPC", application.url);
    const watch = new Watch(client, { userId: "ada" }, application.token);
    await watch.status();
    const stopped = application.stop();
    expect((await watch.failure())[0]).toBe(Code.Unavailable);
    const startedMs = performance.now();
    await stopped;
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  test("has no REST form", async () => {
    await serve();
    const url = `${server.url}/countersign/v1/users/ada/email/watch`;
    const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" };
    expect((await fetch(url, { method: "POST", headers, body: "{}" })).status).toBe(404);
  });
});

describe("200 watchers, of whom one never reads", () => {
  /** Has told the service that it takes not one byte of answers. */
  async function neverRead(): Promise<http2.ClientHttp2Stream> {
    const session = http2.connect(server.url, { settings: { initialWindowSize: 0 } });
    closing.push(() => session.destroy());
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/countersign.v1.VerificationService/WatchEmail",
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${adminToken}`,
    });
    stream.on("error", () => {});
    // user_id: "ada"
    stream.end(frame(Buffer.from([0x0a, 0x03, ...Buffer.from("ada")])));
    await new Promise((resolve) => stream.once("response", resolve));
    return stream;
  }

  test("all others learn within a second, and the one is ended", async () => {
    await serve({ messageTimeoutMs: 5_000 });
    const { world } = server;
    await world.sendCode("ada");
    const silent = await neverRead();
    const closed = new Promise((resolve) => silent.once("close", resolve));
    const clients = STREAM_TRANSPORTS.map((transport) => clientOver(transport));
    const watches = Array.from({ length: 199 }, (_, index) => new Watch(clients[index % clients.length]));
    await Promise.all(watches.map((watch) => watch.status()));
    const all = Promise.all(
      watches.map(async (watch) => {
        await watch.verified();
        return performance.now();
      }),
    );
    await world.verify("ada", world.codeOf("ada"));
    const verifiedMs = performance.now();
    const last = Math.max(...(await all));
    expect(last - verifiedMs).toBeLessThan(SOON_MS);
    await closed;
    // Nobody sits there any more.
    await until(() => server.log.filter((line) => line.includes("WatchEmail")).length === 200);
  });

  // Where others write the database too, watches look by themselves, twice a second.
  const onSqlite = isOnPostgres ? test.skip : test;

  onSqlite("what happens to others wakes nobody", async () => {
    await serve();
    const { world } = server;
    const watches = Array.from({ length: 50 }, () => new Watch());
    await Promise.all(watches.map((watch) => watch.status()));
    const looks = jest.spyOn(world.store, "findUser");
    for (let index = 0; index < 20; index++) await world.addUser(`other-${index}`);
    await world.sendCode("ada");
    await Promise.all(watches.map((watch) => watch.status()));
    const ofAda = looks.mock.calls.filter(([userId]) => userId === "ada");
    expect(ofAda).toHaveLength(watches.length);
  });
});
