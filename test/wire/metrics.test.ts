// What a Prometheus sees, scraped from a running application, after calls whose number is known.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Code } from "@connectrpc/connect";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Refusal, Relay } from "../mail/relay.ts";
import { RETRY_DELAYS } from "../../src/mail/retry-policy.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { exchangeHttp1, exchangeHttp2, type RawAnswer, type RawRequest } from "../support/raw-http.ts";
import {
  connectJson,
  grpc,
  grpcWeb,
  rest,
  SERVICE,
  type Format,
  type MethodName,
} from "../support/wire-formats.ts";
import type { JsonObject } from "@bufbuild/protobuf";

let relay: Relay;
let application: TestApplication;
let clockOffsetMs = 0;
beforeAll(async () => {
  relay = await Relay.start({
    beforeAccept: ({ envelopeTo }) => {
      if (envelopeTo[0] === "later@example.com") throw new Refusal(451, "4.7.1 later");
      if (envelopeTo[0] === "never@example.com") throw new Refusal(550, "5.1.1 never");
    },
  });
  application = await startTestApplication({
    env: {
      COUNTERSIGN_METRICS_LISTEN: "127.0.0.1:0",
      COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${relay.port}`,
    },
    sources: { nowMs: () => Date.now() + clockOffsetMs },
  });
});
afterAll(async () => {
  await application.stop();
  await relay.stop();
});

/** Samples by their name and labels, as the text has them. */
type Samples = ReadonlyMap<string, number>;

const SAMPLE = /^([a-z0-9_]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})?) (-?[\d.e+-]+|Nan|[+-]Inf)$/;

async function scrape(): Promise<Samples> {
  const answer = await fetch(application.metricsUrl ?? "");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await answer.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, key = `no sample: ${line}`, value = "Nan"] = SAMPLE.exec(line) ?? [];
      return [key, Number(value)];
    }),
  );
}

async function scrapeUntil(isThere: (samples: Samples) => boolean): Promise<Samples> {
  for (;;) {
    const samples = await scrape();
    if (isThere(samples)) return samples;
    await pause(20);
  }
}

function send(request: RawRequest, httpVersion: 1 | 2 = 1): Promise<RawAnswer> {
  const headers = { authorization: `Bearer ${application.token}`, ...request.headers };
  return (httpVersion === 2 ? exchangeHttp2 : exchangeHttp1)(application, { ...request, headers });
}

async function call(format: Format, method: MethodName, message: JsonObject) {
  return format.decode(method, await send(format.encode(method, message), format.httpVersion));
}

function addUser(address: string, verification: JsonObject = { isVerified: false }) {
  return call(rest, "AddHumanUser", {
    userId: address.split("@")[0] ?? "",
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: address, ...verification },
  });
}

function callsOf(samples: Samples, method: MethodName, format: string, code: string): number | undefined {
  return samples.get(
    `countersign_calls_total{method="${SERVICE}/${method}",format="${format}",code="${code}"}`,
  );
}

function durationsOf(samples: Samples, part: string, method: MethodName, format: string, le?: string) {
  const bucket = le === undefined ? "" : `le="${le}",`;
  return samples.get(
    `countersign_call_duration_seconds_${part}{${bucket}method="${SERVICE}/${method}",format="${format}"}`,
  );
}

test("calls count by method, format and code, with their durations", async () => {
  for (const [format, name] of [
    [grpc, "grpc"],
    [grpcWeb, "grpc-web"],
    [connectJson, "connect"],
    [rest, "rest"],
  ] as const) {
    const userId = `user-${name}`;
    expect((await addUser(`${userId}@example.com`)).error).toBeUndefined();
    for (const found of [userId, userId, "nobody"]) await call(format, "GetUserByID", { userId: found });
    const samples = await scrape();
    expect(callsOf(samples, "GetUserByID", name, "ok")).toBe(2);
    expect(callsOf(samples, "GetUserByID", name, "not_found")).toBe(1);
    expect(durationsOf(samples, "count", "GetUserByID", name)).toBe(3);
    expect(durationsOf(samples, "bucket", "GetUserByID", name, "+Inf")).toBe(3);
    expect(durationsOf(samples, "bucket", "GetUserByID", name, "30")).toBe(3);
    expect(durationsOf(samples, "sum", "GetUserByID", name)).toBeGreaterThan(0);
    expect(durationsOf(samples, "sum", "GetUserByID", name)).toBeLessThan(30);
  }
});

test("health checks count as calls", async () => {
  const check = { method: "POST", path: "/grpc.health.v1.Health/Check", body: "{}" };
  await send({ ...check, headers: { "content-type": "application/json" } });
  const samples = await scrape();
  expect(
    samples.get(`countersign_calls_total{method="grpc.health.v1.Health/Check",format="connect",code="ok"}`),
  ).toBe(1);
});

describe("what never became a call", () => {
  const json = { "content-type": "application/json" };
  const procedure = `/${SERVICE}/GetUserByID`;

  test.each<[string, string, RawRequest]>([
    ["an unknown path", "ROUTE_NOT_FOUND", { method: "GET", path: "/no/such/path" }],
    [
      "an unknown procedure",
      "PROCEDURE_UNKNOWN",
      { method: "POST", path: "/no.Service/Call", headers: { "content-type": "application/grpc-web" } },
    ],
    ["another verb", "METHOD_NOT_ALLOWED", { method: "PUT", path: "/v2/users/ada/email/send" }],
    [
      "a body that is no JSON",
      "REQUEST_MALFORMED",
      { method: "POST", path: procedure, headers: json, body: "{" },
    ],
    [
      "a body too large",
      "REQUEST_TOO_LARGE",
      { method: "POST", path: procedure, headers: json, body: `"${"x".repeat(1_048_577)}"` },
    ],
    [
      "a type that nobody reads",
      "CONTENT_TYPE_NOT_SERVED",
      { method: "POST", path: procedure, headers: { "content-type": "text/plain" }, body: "x" },
    ],
    [
      "a compression that nobody knows",
      "ENCODING_NOT_SERVED",
      { method: "POST", path: procedure, headers: { ...json, "content-encoding": "lzw" }, body: "x" },
    ],
  ])("%s counts under %s", async (_what, reason, request) => {
    const name = `countersign_refused_requests_total{reason="${reason}"}`;
    const before = (await scrape()).get(name) ?? 0;
    await send(request);
    expect((await scrape()).get(name)).toBe(before + 1);
  });

  test("adds no series, whatever it names", async () => {
    const seriesOf = (samples: Samples) =>
      [...samples.keys()].filter((key) => key.startsWith("countersign_"));
    const before = seriesOf(await scrape());
    for (let index = 0; index < 20; index++) {
      await send({
        method: "POST",
        path: `/a.Service${index}/Call`,
        headers: { "content-type": `a/b${index}` },
      });
      await send({ method: `GET`, path: `/v2/${index}`, headers: { "x-request-id": `id-${index}` } });
      await exchangeHttp2(application, { method: `VERB${index}`, path: `/v2/users/${index}` });
    }
    expect(seriesOf(await scrape())).toEqual(before);
  });
});

test("commits count with the writes that shared them", async () => {
  const before = await scrape();
  const addresses = Array.from({ length: 20 }, (_, index) => `commit-${index}@example.com`);
  await Promise.all(addresses.map((address) => addUser(address)));
  const after = await scrape();
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  expect(grown("countersign_commit_batch_writes_sum")).toBe(20);
  const commits = grown("countersign_commit_batch_writes_count");
  expect(commits).toBeGreaterThanOrEqual(1);
  expect(commits).toBeLessThanOrEqual(20);
  expect(grown("countersign_commit_duration_seconds_count")).toBe(commits);
  expect(grown("countersign_commit_duration_seconds_sum")).toBeGreaterThan(0);
  expect(after.get("countersign_writer_queue_writes")).toBe(0);
});

test("mails count by outcome, and those that wait by state and age", async () => {
  await addUser("soon@example.com", { sendCode: {} });
  await addUser("never@example.com", { sendCode: {} });
  await addUser("later@example.com", { sendCode: {} });
  const outcome = (name: string) => `countersign_mails_total{outcome="${name}"}`;
  const rows = (state: string) => `countersign_outbox_rows{state="${state}"}`;
  const isSettled = (samples: Samples) =>
    ["sent", "failed", "retrying"].every((name) => samples.get(outcome(name)) === 1) &&
    samples.get(rows("retrying")) === 1 &&
    samples.get(rows("sending")) === 0;
  const settled = await scrapeUntil(isSettled);
  expect(settled.get(rows("queued"))).toBe(0);
  expect(settled.get("countersign_outbox_oldest_due_seconds")).toBe(0);

  // The retry is far off on the clock that timers go by, and has long been due by the application's.
  clockOffsetMs = 600_000;
  const overdue = (await scrape()).get("countersign_outbox_oldest_due_seconds") ?? 0;
  expect(overdue).toBeGreaterThan((600_000 - RETRY_DELAYS.greylisted.maxMs) / 1_000 - 10);
  expect(overdue).toBeLessThan(600);
});

test("the process has its usual metrics", async () => {
  const samples = await scrape();
  for (const name of [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "nodejs_eventloop_lag_seconds",
  ]) {
    expect([name, samples.get(name)]).toEqual([name, expect.any(Number)]);
  }
});

test("every name has a unit or says what it counts, and every text is a sample", async () => {
  const names = [...(await scrape()).keys()].map((key) => key.replace(/\{.*/, ""));
  for (const name of names.filter((each) => each.startsWith("countersign_"))) {
    expect(name).toMatch(/_(total|seconds|writes|rows)(_bucket|_sum|_count)?$/);
  }
  expect(names.filter((name) => name.startsWith("no sample"))).toEqual([]);
});

describe("the listener", () => {
  test("serves nothing but the metrics", async () => {
    const url = application.metricsUrl ?? "";
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await fetch(`${url}?x=1`)).status).toBe(200);
    expect((await fetch(new URL("/healthz", url))).status).toBe(404);
    const post = await fetch(url, { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("is not the API's", async () => {
    const answer = rest.decode("GetUserByID", await send({ method: "GET", path: "/metrics" }));
    expect(answer).toMatchObject({ httpStatus: 404, error: { code: Code.NotFound } });
  });

  test("is closed with the application, and not there unless it is asked for", async () => {
    const other = await startTestApplication({ env: { COUNTERSIGN_METRICS_LISTEN: "127.0.0.1:0" } });
    const url = other.metricsUrl ?? "";
    expect((await fetch(url)).status).toBe(200);
    await other.stop();
    await expect(fetch(url)).rejects.toThrow("fetch failed");

    const without = await startTestApplication();
    expect(without.metricsUrl).toBeUndefined();
    await without.stop();
  });

  test("an address in use stops the start with a line that names the variable", async () => {
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const env = { COUNTERSIGN_METRICS_LISTEN: `127.0.0.1:${port}` };
    try {
      await expect(startTestApplication({ env })).rejects.toThrow(
        `COUNTERSIGN_METRICS_LISTEN=127.0.0.1:${port} cannot be used: listen EADDRINUSE`,
      );
    } finally {
      other.close();
    }
  });
});
