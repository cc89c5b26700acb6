// What load balancers and supervisors ask: /healthz, /readyz and grpc.health.v1, without a token.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport, Http2SessionManager } from "@connectrpc/connect-node";
import Database from "better-sqlite3";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { exchangeHttp1, exchangeHttp2 } from "../support/raw-http.ts";
import { isOnPostgres } from "../support/test-database.ts";
import { rest } from "../support/wire-formats.ts";

let application: TestApplication;
let sessionManager: Http2SessionManager;
beforeAll(async () => {
  application = await startTestApplication();
  sessionManager = new Http2SessionManager(application.url);
});
afterAll(async () => {
  sessionManager.abort();
  await application.stop();
});

const ALL_OK = { status: "ready", checks: { database: "ok", writer: "ok", key: "ok" } };

describe.each([
  ["HTTP/1.1", exchangeHttp1],
  ["HTTP/2", exchangeHttp2],
])("over %s", (_version, exchange) => {
  test("/healthz says ok", async () => {
    const answer = await exchange(application, { method: "GET", path: "/healthz?verbose" });
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe("ok\n");
    expect(answer.headers["content-type"]).toMatch(/^text\/plain/);
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  test("/readyz names its checks", async () => {
    const answer = await exchange(application, { method: "GET", path: "/readyz" });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(answer.body.toString())).toEqual(ALL_OK);
  });

  test.each(["/healthz", "/readyz"])(
    "%s: HEAD without a body, and 405 for what else there is",
    async (path) => {
      const head = await exchange(application, { method: "HEAD", path });
      expect([head.status, head.body.length]).toEqual([200, 0]);
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]) {
        const answer = await exchange(application, { method, path });
        expect([method, answer.status, answer.headers["allow"]]).toEqual([method, 405, "GET, HEAD"]);
      }
      expect(application.errors).toEqual([]);
    },
  );

  test.each(["/healthz", "/readyz"])("%s keeps the request's id, or makes one", async (path) => {
    const kept = await exchange(application, { method: "GET", path, headers: { "x-request-id": "probe-1" } });
    expect(kept.headers["x-request-id"]).toBe("probe-1");
    const made = await exchange(application, { method: "GET", path });
    expect(made.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("grpc.health.v1", () => {
  const services = ["", "zitadel.user.v2.UserService"];

  test.each([
    ["gRPC", () => createGrpcTransport({ baseUrl: application.url, sessionManager })],
    ["gRPC-Web", () => createGrpcWebTransport({ baseUrl: application.url, httpVersion: "1.1" })],
  ])("%s: SERVING for the server and its service, NOT_FOUND for others", async (_format, transport) => {
    const health = createClient(Health, transport());
    for (const service of services) {
      expect(await health.check({ service })).toMatchObject({ status: Status.SERVING });
    }
    await expect(health.check({ service: "no.such.Service" })).rejects.toMatchObject({ code: Code.NotFound });
    const { statuses } = await health.list({});
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(services));
  });

  test("a watch of an unknown service is told so and goes on", async () => {
    const health = createClient(Health, createGrpcTransport({ baseUrl: application.url, sessionManager }));
    const over = new AbortController();
    const statuses = health.watch({ service: "no.such.Service" }, { signal: over.signal });
    const watch = statuses[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ done: false, value: { status: Status.SERVICE_UNKNOWN } });
    over.abort();
    await expect(watch.next()).rejects.toMatchObject({ code: Code.Canceled });
  });
});

// On PostgreSQL nobody can keep all others from writing; what its absence does is in test/contract/postgres-faults.test.ts.
const onSqlite = isOnPostgres ? test.skip : test;

onSqlite(
  "a database file that takes no writes: not ready, and ready again by itself",
  async () => {
    const health = createClient(Health, createGrpcTransport({ baseUrl: application.url, sessionManager }));
    const readyz = () => exchangeHttp1(application, { method: "GET", path: "/readyz" });
    // Somebody else holds the database for writing. SQLite waits for five seconds before it gives up.
    const other = new Database(join(application.dataDir, "countersign.db"));
    other.exec("BEGIN IMMEDIATE");
    try {
      const request = rest.encode("AddHumanUser", {
        profile: { givenName: "Ada", familyName: "Lovelace" },
        email: { email: "ada@example.com", isVerified: false },
      });
      const authorization = `Bearer ${application.token}`;
      const refused = await exchangeHttp1(application, {
        ...request,
        headers: { ...request.headers, authorization },
      });
      expect(rest.decode("AddHumanUser", refused).error).toMatchObject({ code: Code.Unavailable });

      const answer = await readyz();
      expect(answer.status).toBe(503);
      expect(JSON.parse(answer.body.toString())).toEqual({
        status: "unhealthy",
        checks: { ...ALL_OK.checks, writer: "failing" },
      });
      expect(await health.check({})).toMatchObject({ status: Status.NOT_SERVING });
      expect((await exchangeHttp1(application, { method: "GET", path: "/healthz" })).status).toBe(200);
    } finally {
      other.close();
    }
    while ((await readyz()).status !== 200) await pause(50);
    expect(await health.check({})).toMatchObject({ status: Status.SERVING });
  },
  20_000,
);
