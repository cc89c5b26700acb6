// The issuer's keys over real HTTP: when they are fetched, and when others make that happen.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { errors } from "jose";
import { gzipSync } from "node:zlib";
import { IssuerKeys } from "../../../../src/access/jwt/issuer-keys.ts";
import { JwtIssuer, newSigningKey } from "../../../support/jwt-issuer.ts";
import { TestLog } from "../../../mail/log.ts";

let issuer: JwtIssuer;
let keys: IssuerKeys;
let nowMs: number;
let log: TestLog;

beforeEach(async () => {
  issuer = await JwtIssuer.start();
  nowMs = Date.UTC(2026, 10, 22, 12);
  log = new TestLog();
  keys = new IssuerKeys({ url: `${issuer.jwksUrl}?token=T0KEN`, nowMs: () => nowMs, logger: log.logger });
});
afterEach(async () => {
  await keys.close();
  await issuer.stop();
  expect(JSON.stringify(log.lines)).not.toMatch(/T0KEN|127\.0\.0\.1/);
});

const header = (kid: string) => ({ alg: "ES256", kid });
const unknown = errors.JWKSNoMatchingKey;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("without a start the first look-up fetches, and all who come meanwhile share it", async () => {
  const found = await Promise.all(Array.from({ length: 10 }, () => keys.find(header("first"))));
  expect(new Set(found.map(({ key }) => key)).size).toBe(1);
  expect([issuer.requests, keys.version]).toEqual([1, 1]);
});

test("a key that is not there is looked for once per rest", async () => {
  await expect(keys.find(header("x"))).rejects.toBeInstanceOf(unknown);
  await expect(keys.find(header("y"))).rejects.toBeInstanceOf(unknown);
  expect(issuer.requests).toBe(1);
  nowMs += 29_999;
  await expect(keys.find(header("x"))).rejects.toBeInstanceOf(unknown);
  expect(issuer.requests).toBe(1);
  nowMs += 1;
  await expect(keys.find(header("x"))).rejects.toBeInstanceOf(unknown);
  expect(issuer.requests).toBe(2);
  // A clock that was set back an hour holds nobody up for an hour.
  nowMs -= 3_600_000;
  await expect(keys.find(header("x"))).rejects.toBeInstanceOf(unknown);
  expect(issuer.requests).toBe(3);
});

test("the same keys in another order, with their members in another order, are the same keys", async () => {
  issuer.keys.push(await newSigningKey("second"));
  await keys.find(header("first"));
  issuer.answer = (response) => {
    const reversed = issuer.keys
      .toReversed()
      .map(({ publicJwk }) => Object.fromEntries(Object.entries(publicJwk).toReversed()));
    response.end(JSON.stringify({ keys: reversed }));
  };
  nowMs += 30_000;
  await expect(keys.find(header("x"))).rejects.toBeInstanceOf(unknown);
  expect([issuer.requests, keys.version]).toEqual([2, 1]);
});

test("a key is found in the version that it was looked up in, though the next one comes meanwhile", async () => {
  await expect(keys.find(header("x"))).rejects.toBeInstanceOf(unknown);
  issuer.keys = [await newSigningKey("second")];
  nowMs += 30_000;
  // Its key is not imported yet, and that takes longer than nothing.
  const looking = keys.find(header("first"));
  const replacing = keys.find(header("second"));
  const [{ version }, next] = await Promise.all([looking, replacing]);
  expect([version, next.version, keys.version]).toEqual([1, 2, 2]);
});

test("a set without keys is an answer: all were taken back", async () => {
  await keys.find(header("first"));
  issuer.keys = [];
  nowMs += 30_000;
  await expect(keys.find(header("x"))).rejects.toBeInstanceOf(unknown);
  await expect(keys.find(header("first"))).rejects.toBeInstanceOf(unknown);
  expect(keys.version).toBe(2);
});

test.each([
  ["as it is", (body: Buffer) => body, {}],
  ["compressed", (body: Buffer) => gzipSync(body), { "content-encoding": "gzip" }],
])("a set is read up to 256 KiB, %s", async (_row, pack, headers) => {
  const limit = 256 * 1024;
  let length = limit + 1;
  issuer.answer = (response) => {
    const set = JSON.stringify({ keys: issuer.keys.map(({ publicJwk }) => publicJwk) });
    response.writeHead(200, headers).end(pack(Buffer.from(set.padEnd(length))));
  };
  await expect(keys.find(header("first"))).rejects.toMatchObject({
    failure: { name: "JWT_KEYS_UNAVAILABLE" },
  });
  expect(log.lines.at(-1)?.["problem"]).toBe(`the answer is longer than ${limit} bytes`);
  nowMs += 5_000;
  length = limit;
  expect((await keys.find(header("first"))).version).toBe(1);
});

test("one key that cannot be read spoils no other", async () => {
  issuer.answer = (response) => {
    const broken = [
      { kty: "RSA" },
      { kty: "EC", kid: "first", crv: "P-521" },
      { kty: "oct", k: "c2VjcmV0" },
      {},
    ];
    response.end(JSON.stringify({ keys: [...broken, ...issuer.keys.map(({ publicJwk }) => publicJwk)] }));
  };
  expect((await keys.find(header("first"))).key.type).toBe("public");
});

test("private keys that were published by mistake are not used", async () => {
  const { crypto } = globalThis;
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  const jwk = {
    ...(await crypto.subtle.exportKey("jwk", pair.privateKey)),
    kid: "private",
    key_ops: ["verify"],
  };
  issuer.answer = (response) => response.end(JSON.stringify({ keys: [jwk] }));
  await expect(keys.find(header("private"))).rejects.toThrow();
});

test("they are fetched at the start and regularly, without a call", async () => {
  const regular = new IssuerKeys({
    url: issuer.jwksUrl,
    nowMs: () => nowMs,
    logger: log.logger,
    refreshEveryMs: 20,
  });
  regular.start();
  await until(() => regular.version === 1);
  issuer.keys = [await newSigningKey("second")];
  await until(() => regular.version === 2);
  expect((await regular.find(header("second"))).key.type).toBe("public");
  await regular.close();
  const { requests } = issuer;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(issuer.requests).toBe(requests);
});

test("a failure is told once, and its end", async () => {
  const { answer } = issuer;
  issuer.answer = (response) => response.writeHead(503).end();
  const come = async () => {
    await keys.find(header("first")).catch(() => {});
    nowMs += 5_000;
  };
  for (let round = 0; round < 3; round++) await come();
  issuer.answer = answer;
  await come();
  const told = log.lines
    .filter(({ level }) => level >= 30)
    .map(({ level, problem, msg }) => [level, problem, msg]);
  expect(told).toEqual([
    [40, "status 503", "the keys of COUNTERSIGN_JWKS_URL cannot be read: no JWT can be checked"],
    [30, undefined, "the keys of COUNTERSIGN_JWKS_URL can be read again"],
  ]);
});
