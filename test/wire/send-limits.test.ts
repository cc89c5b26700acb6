// How often codes are sent, over the wire: what each limit answers in every format, what survives a crash, how clients
// behind a proxy are told apart, and what a dry run says.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { exchangeHttp1, exchangeHttp2, type RawAnswer } from "../support/raw-http.ts";
import { serverProcesses } from "../support/server-process.ts";
import { addUser, asAdmin, eventsOf, type Service } from "../support/user-service-calls.ts";
import {
  formats,
  grpc,
  rest,
  textAt,
  type Answer,
  type Format,
  type MethodName,
} from "../support/wire-formats.ts";

jest.setTimeout(60_000);

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

type Headers = Readonly<Record<string, string>>;

const started: TestApplication[] = [];
let users = 0;

async function start(env: Headers, nowMs: () => number = Date.now): Promise<TestApplication> {
  const application = await startTestApplication({ env, sources: { nowMs } });
  started.push(application);
  return application;
}

afterEach(() => {
  for (const application of started) expect(application.takeErrors()).toEqual([]);
});
afterAll(() => Promise.all(started.map((application) => application.stop())));

/** The answer, with all of its headers and trailers, those in the body of gRPC-Web too. */
async function call(
  format: Format,
  to: Service,
  method: MethodName,
  message: JsonObject,
  headers: Headers = { authorization: `Bearer ${to.token}` },
): Promise<Answer & { readonly all: Headers }> {
  const request = format.encode(method, message);
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  const raw: RawAnswer = await over(to, { ...request, headers: { ...headers, ...request.headers } });
  const inBody = [...raw.body.toString("latin1").matchAll(/^.*?(grpc-[a-z-]+): (.*)\r$/gm)];
  const inFrame = Object.fromEntries(inBody.map(([, name = "", value = ""]) => [name, value]));
  return { ...format.decode(method, raw), all: { ...raw.headers, ...raw.trailers, ...inFrame } };
}

interface Limit {
  readonly reason: string;
  readonly env: Headers;
  readonly allowed: number;
  readonly windowMs: number;
  readonly text: string;
  readonly subject: string;
  readonly description: string;
}

const LIMITS: readonly Limit[] = [
  {
    reason: "SEND_COOLDOWN",
    env: { COUNTERSIGN_SEND_COOLDOWN: "60s" },
    allowed: 1,
    windowMs: 60 * SECOND,
    text: "A code was sent to this address a moment ago",
    subject: "address",
    description: "one code per address within 60 s",
  },
  {
    reason: "ADDRESS_SENDS_EXHAUSTED",
    env: { COUNTERSIGN_SENDS_PER_HOUR: "3" },
    allowed: 3,
    windowMs: HOUR,
    text: "Too many codes were sent to this address within an hour",
    subject: "address",
    description: "3 codes per address and hour",
  },
  {
    reason: "USER_SENDS_EXHAUSTED",
    env: { COUNTERSIGN_USER_SENDS_PER_HOUR: "2" },
    allowed: 2,
    windowMs: HOUR,
    text: "Too many codes were sent for this user within an hour",
    subject: "user",
    description: "2 codes per user and hour",
  },
  {
    reason: "PRINCIPAL_SENDS_EXHAUSTED",
    env: { COUNTERSIGN_PRINCIPAL_SENDS_PER_HOUR: "4" },
    allowed: 4,
    windowMs: HOUR,
    text: "This caller had too many codes sent within an hour",
    subject: "principal",
    description: "4 codes per principal and hour",
  },
  {
    reason: "CLIENT_SENDS_EXHAUSTED",
    env: { COUNTERSIGN_CLIENT_SENDS_PER_HOUR: "2" },
    allowed: 2,
    windowMs: HOUR,
    text: "Too many codes were asked for from this network address within an hour",
    subject: "client",
    description: "2 codes per client and hour",
  },
];

describe.each(LIMITS)("$reason", ({ reason, env, allowed, windowMs, text, subject, description }) => {
  let application: TestApplication;
  let userId: string;
  const beganMs = Date.now();
  let clockMs = beganMs;
  beforeAll(async () => {
    application = await start(env, () => clockMs);
    userId = await addUser(application);
    for (let n = 0; n < allowed; n += 1) {
      await asAdmin(application, "SendEmailCode", { userId, ...(n > 0 && { returnCode: {} }) });
    }
    clockMs += 1_500;
  });

  test.each(formats.map((format) => [format.name, format] as const))(
    "is answered over %s with the wait, in the format's own way too",
    async (_name, format) => {
      const { httpStatus, error, all } = await call(format, application, "SendEmailCode", { userId });
      const waitMs = windowMs - 1_500;
      expect(httpStatus).toBe(format.statusOf(8));
      expect(error).toEqual({
        code: 8,
        message: text,
        details: [
          { "@type": "google.rpc.ErrorInfo", reason, domain: "countersign" },
          { "@type": "google.rpc.RetryInfo", retryDelay: `${waitMs / SECOND - 0.5}.500s` },
          { "@type": "google.rpc.QuotaFailure", violations: [{ subject, description }] },
        ],
      });
      const isGrpc = all["grpc-status"] !== undefined;
      expect(all["retry-after"]).toBe(isGrpc ? undefined : String(windowMs / SECOND - 1));
      expect(all["grpc-retry-pushback-ms"]).toBe(isGrpc ? String(waitMs) : undefined);
    },
  );

  test("leaves no event, and the wait as it was; after it the call passes", async () => {
    const events = await eventsOf(application, userId);
    for (const format of [grpc, rest]) await call(format, application, "ResendEmailCode", { userId });
    expect(await eventsOf(application, userId)).toBe(events);
    clockMs = beganMs + windowMs - 1;
    expect((await call(grpc, application, "SendEmailCode", { userId })).error?.code).toBe(8);
    clockMs = beganMs + windowMs;
    expect((await call(grpc, application, "SendEmailCode", { userId })).error).toBeUndefined();
  });
});

test("the wait is exact in the details and rounded up to whole units elsewhere", async () => {
  let clockMs = Date.now();
  const application = await start({ COUNTERSIGN_SEND_COOLDOWN: "1001ms" }, () => clockMs);
  const userId = await addUser(application);
  await asAdmin(application, "SendEmailCode", { userId });
  const waits: unknown[] = [];
  for (const laterMs of [0, 1, 999, 1]) {
    clockMs += laterMs;
    waits.push((await call(rest, application, "SendEmailCode", { userId })).all["retry-after"]);
  }
  expect(waits).toEqual(["2", "1", "1", undefined]);
});

test("of 64 calls at a time as many pass as the limit says", async () => {
  const application = await start({ COUNTERSIGN_SENDS_PER_HOUR: "5" });
  const userId = await addUser(application);
  const before = await eventsOf(application, userId);
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, n) =>
      call(formats[n % formats.length] ?? grpc, application, "SendEmailCode", { userId, returnCode: {} }),
    ),
  );
  const refused = answers.flatMap(({ error }) => error ?? []);
  expect(answers.length - refused.length).toBe(5);
  expect(new Set(refused.map(({ message }) => message))).toEqual(
    new Set(["Too many codes were sent to this address within an hour"]),
  );
  expect(await eventsOf(application, userId)).toBe(before + 5);
});

test("creating and changing users counts as well", async () => {
  const application = await start({ COUNTERSIGN_SENDS_PER_HOUR: "2" });
  const profile = { givenName: "Ada", familyName: "Lovelace" };
  const add = (username: string, method: MethodName = "AddHumanUser") =>
    call(rest, application, method, {
      username,
      profile,
      email: { email: "one@Example.com", returnCode: {} },
    });
  const first = await add("first");
  expect(first.error).toBeUndefined();
  expect((await add("second")).error).toBeUndefined();
  expect((await add("third")).error?.code).toBe(8);
  const elsewhere = await addUser(application);
  const set = { userId: elsewhere, email: "ONE@example.com" };
  expect((await call(grpc, application, "SetEmail", set)).error?.code).toBe(8);
  const created = {
    organizationId: application.organizationId,
    username: "fourth",
    human: { profile, email: { email: "one@example.com", sendCode: {} } },
  };
  expect((await call(grpc, application, "CreateUser", created)).error?.code).toBe(8);
  const updated = { userId: elsewhere, human: { email: { email: "one@example.com" } } };
  expect((await call(grpc, application, "UpdateUser", updated)).error?.code).toBe(8);
});

test("is off unless it is set", async () => {
  const application = await start({});
  const userId = await addUser(application);
  for (let n = 0; n < 30; n += 1) await asAdmin(application, "SendEmailCode", { userId });
});

test("scripts of other origins may read when to call again", async () => {
  const application = await start({
    COUNTERSIGN_SEND_COOLDOWN: "1h",
    COUNTERSIGN_CORS_ORIGINS: "https://app.example.com",
  });
  const userId = await addUser(application);
  await asAdmin(application, "SendEmailCode", { userId });
  const { httpStatus, all } = await call(
    rest,
    application,
    "SendEmailCode",
    { userId },
    {
      authorization: `Bearer ${application.token}`,
      origin: "https://app.example.com",
    },
  );
  expect(httpStatus).toBe(429);
  const exposed = all["access-control-expose-headers"]?.toLowerCase().split(", ");
  expect(exposed).toEqual(expect.arrayContaining(["retry-after", "grpc-retry-pushback-ms"]));
});

describe("behind a proxy that is trusted", () => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await start({
      COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.0/8",
      COUNTERSIGN_CLIENT_SENDS_PER_HOUR: "1",
    });
  });

  test.each([grpc, rest].map((format) => [format.name, format] as const))(
    "clients are counted apart over %s",
    async (_name, format) => {
      const userId = await addUser(application);
      const send = async (headers: Headers) => {
        const authorization = `Bearer ${application.token}`;
        const sent = await call(
          format,
          application,
          "SendEmailCode",
          { userId },
          { authorization, ...headers },
        );
        return sent.error === undefined ? "sent" : sent.error.code;
      };
      const net = format === grpc ? "198.51.100" : "203.0.113";
      expect(await send({ "x-forwarded-for": `${net}.1` })).toBe("sent");
      expect(await send({ "x-forwarded-for": `${net}.1` })).toBe(8);
      expect(await send({ "x-forwarded-for": `${net}.9, ${net}.1` })).toBe(8);
      expect(await send({ forwarded: `for=${net}.1` })).toBe(8);
      expect(await send({ "x-forwarded-for": `${net}.2` })).toBe("sent");
      expect(await send({ forwarded: `for="[2001:db8:${format === grpc ? 1 : 2}::1]:80"` })).toBe("sent");
    },
  );

  test("a stranger's wrong tries leave others theirs, by API and by page", async () => {
    for (const by of ["API", "page"] as const) {
      const userId = await addUser(application);
      const net = by === "API" ? "198.51.100" : "203.0.113";
      const sent = await call(
        rest,
        application,
        "SendEmailCode",
        { userId, returnCode: {} },
        {
          authorization: `Bearer ${application.token}`,
          "x-forwarded-for": `${net}.77`,
        },
      );
      const code = textAt(sent.message, "verificationCode");
      const verify = async (verificationCode: string, client: string): Promise<number> => {
        const headers = { "x-forwarded-for": client };
        if (by === "API") {
          return (await call(rest, application, "VerifyEmail", { userId, verificationCode }, headers))
            .httpStatus;
        }
        const body = new URLSearchParams({ userId, code: verificationCode }).toString();
        const form = { ...headers, "content-type": "application/x-www-form-urlencoded" };
        return (await exchangeHttp1(application, { method: "POST", path: "/verify", headers: form, body }))
          .status;
      };
      for (let n = 0; n < 5; n += 1) expect(await verify("WRONG2", `${net}.1`)).toBe(400);
      expect(await verify(code, `${net}.1`)).toBe(400);
      expect(await verify(code, `9.9.9.9, ${net}.1`)).toBe(400);
      expect(await verify(code, `${net}.2`)).toBe(200);
    }
  });
});

test("what a peer says that is no trusted proxy changes nothing", async () => {
  const application = await start({
    COUNTERSIGN_TRUSTED_PROXIES: "192.0.2.1",
    COUNTERSIGN_CLIENT_SENDS_PER_HOUR: "1",
  });
  const userId = await addUser(application);
  const codes: (number | undefined)[] = [];
  for (const client of ["198.51.100.1", "198.51.100.2"]) {
    const headers = { authorization: `Bearer ${application.token}`, "x-forwarded-for": client };
    codes.push((await call(rest, application, "SendEmailCode", { userId }, headers)).error?.code);
  }
  expect(codes).toEqual([undefined, 8]);
});

describe("the metric", () => {
  test.each([
    ["enforce", "refused", 2],
    ["dry-run", "dry_run", 0],
  ] as const)("counts by limit in %s", async (mode, outcome, refusals) => {
    const application = await start({
      COUNTERSIGN_LIMITS: mode,
      COUNTERSIGN_SENDS_PER_HOUR: "1",
      COUNTERSIGN_METRICS_LISTEN: "127.0.0.1:0",
    });
    const userId = await addUser(application);
    const codes: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      codes.push((await call(grpc, application, "SendEmailCode", { userId })).error?.code ?? 0);
    }
    expect(codes.filter((code) => code === 8)).toHaveLength(refusals);
    const text = await (await fetch(application.metricsUrl ?? "")).text();
    const samples = text.match(/^countersign_sends_over_limit_total\{.*$/gm);
    expect(samples).toEqual([`countersign_sends_over_limit_total{limit="address",outcome="${outcome}"} 2`]);
  });
});

describe("a process", () => {
  const startServer = serverProcesses();
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "countersign-limits-"));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  async function serve(env: Headers) {
    const server = startServer({ dataDir, env });
    const { hostname, port } = new URL(await server.ready());
    const token = (await readFile(join(dataDir, "admin.token"), "utf8")).trim();
    return { server, to: { host: hostname, port: Number(port), token } };
  }

  test("keeps what was counted when it is killed", async () => {
    const env = { COUNTERSIGN_SENDS_PER_HOUR: "3", COUNTERSIGN_CLIENT_SENDS_PER_HOUR: "4" };
    const first = await serve(env);
    const userId = await addUser(first.to);
    const other = await addUser(first.to);
    for (let n = 0; n < 3; n += 1) await asAdmin(first.to, "SendEmailCode", { userId });
    await first.server.end("SIGKILL");

    const second = await serve(env);
    const { error, all } = await call(rest, second.to, "SendEmailCode", { userId });
    expect(error?.details).toContainEqual(expect.objectContaining({ reason: "ADDRESS_SENDS_EXHAUSTED" }));
    expect(Number(all["retry-after"])).toBeGreaterThan(3_500);
    expect(Number(all["retry-after"])).toBeLessThanOrEqual(3_600);
    await asAdmin(second.to, "SendEmailCode", { userId: other });
    const overClient = await call(grpc, second.to, "SendEmailCode", { userId: other });
    expect(overClient.error?.message).toMatch(/network address/);
    expect((await second.server.end("SIGTERM")).code).toBe(0);
  });

  test("in a dry run says what it would have refused, and to nobody's address", async () => {
    const { server, to } = await serve({
      COUNTERSIGN_LIMITS: "dry-run",
      COUNTERSIGN_SEND_COOLDOWN: "1h",
      COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.1",
      COUNTERSIGN_LOG_LEVEL: "info",
    });
    users += 1;
    const email = `ada-${users}@example.com`;
    const profile = { givenName: "Ada", familyName: "Lovelace" };
    await asAdmin(to, "AddHumanUser", { userId: email, profile, email: { email } });
    const headers = {
      authorization: `Bearer ${to.token}`,
      "x-request-id": "second",
      "x-forwarded-for": "198.51.100.7",
    };
    expect((await call(grpc, to, "SendEmailCode", { userId: email }, headers)).error).toBeUndefined();
    expect((await server.end("SIGTERM")).code).toBe(0);
    const lines = server.complaints
      .split("\n")
      .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as JsonObject] : []));
    const [warning, line] = lines.filter(({ requestId }) => requestId === "second");
    expect(warning).toMatchObject({
      level: "warn",
      limit: "cooldown",
      method: "zitadel.user.v2.UserService/SendEmailCode",
      user: "a***@example.com",
      principal: expect.stringMatching(/^\d+$/),
      peer: "198.51.100.7",
    });
    expect(line).toMatchObject({ level: "info", msg: "call", code: "ok", peer: "198.51.100.7" });
    expect(server.complaints).not.toContain(email);
  });
});
