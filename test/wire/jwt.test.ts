// JWT access tokens over gRPC and REST: whose are taken, what is refused, and what happens while the issuer's keys change
// or cannot be had. The issuer is a real HTTP server.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { exportSPKI, importJWK } from "jose";
import { createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { outcome } from "../support/json-calls.ts";
import { openRest } from "../support/service-clients.ts";
import { asAdmin, ask, exchange } from "../support/user-service-calls.ts";
import { AUDIENCE, encodePart, JwtIssuer, newSigningKey, type SigningKey } from "../support/jwt-issuer.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { at, grpc, rest, textAt, type Answer, type Format } from "../support/wire-formats.ts";

jest.setTimeout(60_000);

const USER = "user-1";
const TOKEN_INVALID: Refusal = {
  code: 16,
  text: "Errors.Token.Invalid",
  id: "AUTH-7fs1e",
  reason: "TOKEN_INVALID",
};
const KEYS_UNAVAILABLE = "JWT_KEYS_UNAVAILABLE";
/** Longer than the rest that follows a fetch. */
const REST_MS = 30_000;
const FORMATS = [grpc, rest];

/** A user asks for itself. */
function look(
  application: TestApplication,
  format: Format,
  token: string,
  userId: string = USER,
): Promise<Answer> {
  return ask(application, format, token, "GetUserByID", { userId });
}

/** Over each format in turn. */
async function askBoth(application: TestApplication, token: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const format of FORMATS) answers.push(await look(application, format, token));
  return answers;
}

async function addUser(application: TestApplication, userId: string): Promise<void> {
  const request = {
    userId,
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: `${userId}@example.com`, isVerified: true },
  };
  await asAdmin(application, "AddHumanUser", request);
}

async function expectAccepted(application: TestApplication, token: string): Promise<void> {
  for (const { message, error } of await askBoth(application, token)) {
    expect(error).toBeUndefined();
    expect(at(message, "user", "userId")).toBe(USER);
  }
}

async function expectRefused(application: TestApplication, token: string): Promise<void> {
  for (const { error } of await askBoth(application, token)) expect(error).toEqual(refused(TOKEN_INVALID));
}

/** @returns what RetryInfo says, in seconds */
async function expectUnavailable(
  application: TestApplication,
  token: string,
  format: Format,
): Promise<number> {
  const { error, headers } = await look(application, format, token);
  expect(error).toMatchObject({ code: 14, details: [{ reason: KEYS_UNAVAILABLE }, {}] });
  expect(error?.details[1]?.["@type"]).toBe("google.rpc.RetryInfo");
  if (format === rest) expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(1);
  return Number(/^([\d.]+)s$/.exec(textAt(error?.details[1], "retryDelay"))?.[1]);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("one issuer, one service", () => {
  let issuer: JwtIssuer;
  let attacker: JwtIssuer;
  let stranger: SigningKey;
  let application: TestApplication;
  let adminId: string;
  let clockOffsetMs = 0;

  beforeAll(async () => {
    issuer = await JwtIssuer.start(
      await newSigningKey("first"),
      ...(await Promise.all(["RS256", "PS384", "ES512", "EdDSA"].map((alg) => newSigningKey(alg, alg)))),
    );
    stranger = await newSigningKey("stranger");
    attacker = await JwtIssuer.start(stranger);
    application = await startTestApplication({
      env: issuer.env,
      sources: { nowMs: () => Date.now() + clockOffsetMs },
    });
    await addUser(application, USER);
    ({ adminId } = application);
  });
  beforeEach(() => {
    clockOffsetMs = 0;
  });
  afterEach(() => expect(application.takeErrors()).toEqual([]));
  afterAll(async () => {
    await application.stop();
    await Promise.all([issuer.stop(), attacker.stop()]);
  });

  test("a token of the issuer for a user is taken, again and again", async () => {
    const token = await issuer.token(USER);
    await expectAccepted(application, token);
    await expectAccepted(application, token);
  });

  test.each(["RS256", "PS384", "ES512", "EdDSA"])("%s is taken", async (alg) => {
    const key = issuer.keys.find(({ kid }) => kid === alg);
    await expectAccepted(application, await issuer.token(USER, key === undefined ? {} : { key }));
  });

  test.each<[string, Parameters<JwtIssuer["token"]>[1]]>([
    ["typ JWT", { header: { typ: "JWT" } }],
    ["typ at+jwt (RFC 9068)", { header: { typ: "at+jwt" } }],
    ["typ application/at+JWT", { header: { typ: "application/at+JWT" } }],
    ["several audiences", { claims: { aud: ["https://other.example", AUDIENCE] } }],
    ["nbf in the past", { claims: { nbf: 1 } }],
    [
      "other claims, and roles among them",
      { claims: { roles: ["IAM_OWNER"], scope: "openid", admin: true } },
    ],
    ["exp just past, within the clock skew", { claims: { exp: Math.floor(Date.now() / 1_000) - 5 } }],
    ["nbf just to come, within the clock skew", { claims: { nbf: Math.floor(Date.now() / 1_000) + 25 } }],
  ])("%s is taken", async (_row, wishes) => {
    await expectAccepted(application, await issuer.token(USER, wishes));
  });

  test("places of keys, and keys, in the header are not looked at", async () => {
    const header = { jku: attacker.jwksUrl, x5u: attacker.jwksUrl, jwk: stranger.publicJwk as never };
    await expectAccepted(application, await issuer.token(USER, { header }));
    expect(attacker.requests).toBe(0);
  });

  const ago = (seconds: number) => Math.floor(Date.now() / 1_000) - seconds;

  test.each<[string, (good: string) => string | Promise<string>]>([
    ["alg none", () => unsigned({ alg: "none", kid: "first" })],
    ["alg None", () => unsigned({ alg: "None", kid: "first" })],
    [
      "alg none, with a signature",
      (good) => unsigned({ alg: "none" }) + good.slice(good.lastIndexOf(".") + 1),
    ],
    ["no alg", () => unsigned({ kid: "first" })],
    ["alg that is a list", () => unsigned({ alg: ["ES256"] })],
    ["HS256 with the public key in PEM", async () => signedWithPublicKey(await publicPem())],
    [
      "HS256 with the public key as a JWK",
      () => signedWithPublicKey(JSON.stringify(issuer.keys[0]?.publicJwk)),
    ],
    ["HS256 with the empty key", () => signedWithPublicKey("")],
    ["signed by another, under this kid", () => issuer.token(USER, { key: { ...stranger, kid: "first" } })],
    ["unknown kid", () => issuer.token(USER, { key: stranger })],
    ["no kid, signed by another", () => issuer.token(USER, { key: { ...stranger, kid: "" } })],
    ["kid with a path", () => issuer.token(USER, { header: { kid: "../../../../etc/passwd" } })],
    ["kid with a query", () => issuer.token(USER, { header: { kid: "first' OR '1'='1" } })],
    ["kid with a URL", () => issuer.token(USER, { header: { kid: attacker.jwksUrl } })],
    ["kid of a member that all objects have", () => issuer.token(USER, { header: { kid: "__proto__" } })],
    ["kid with NUL", () => issuer.token(USER, { header: { kid: "first\0" } })],
    ["kid that is no text", () => issuer.token(USER, { header: { kid: 7 as never } })],
    ["jku of another", () => issuer.token(USER, { key: stranger, header: { jku: attacker.jwksUrl } })],
    ["x5u of another", () => issuer.token(USER, { key: stranger, header: { x5u: attacker.jwksUrl } })],
    [
      "jwk of another",
      () =>
        issuer.token(USER, {
          key: { ...stranger, kid: "" },
          header: { jwk: stranger.publicJwk },
        }),
    ],
    ["crit that is not known", () => tamperedHeader({ crit: ["b65"], b65: true })],
    ["crit b64", () => tamperedHeader({ crit: ["b64"], b64: false })],
    ["typ of something else that issuers sign", () => issuer.token(USER, { header: { typ: "logout+jwt" } })],
    ["typ of a DPoP proof", () => issuer.token(USER, { header: { typ: "dpop+jwt" } })],
    ["another issuer", () => issuer.token(USER, { claims: { iss: attacker.issuer } })],
    ["this issuer with a slash", () => issuer.token(USER, { claims: { iss: `${issuer.issuer}/` } })],
    ["no issuer", () => issuer.token(USER, { claims: { iss: undefined } })],
    ["another audience", () => issuer.token(USER, { claims: { aud: "https://other.example" } })],
    ["no audience", () => issuer.token(USER, { claims: { aud: undefined } })],
    ["an empty list of audiences", () => issuer.token(USER, { claims: { aud: [] } })],
    ["expired", () => issuer.token(USER, { claims: { exp: ago(31) } })],
    ["no expiry", () => issuer.token(USER, { claims: { exp: undefined } })],
    ["expiry that is a text", () => issuer.token(USER, { claims: { exp: String(ago(-3_600)) } })],
    ["not yet valid", () => issuer.token(USER, { claims: { nbf: ago(-60) } })],
    ["no subject", () => issuer.token(USER, { claims: { sub: undefined } })],
    ["the empty subject", () => issuer.token("")],
    ["a subject that is a number", () => issuer.token(USER, { claims: { sub: 1 } })],
    ["a subject that nobody has", () => issuer.token("nobody")],
    ["a subject that is an organization", () => issuer.token(application.organizationId)],
    ["claims that are a list", () => tamperedPayload("[]")],
    ["claims that are no JSON", () => tamperedPayload("{")],
    [
      "a byte of the claims changed",
      (good) => good.replace(/\.(.)/, (_, first) => `.${first === "e" ? "f" : "e"}`),
    ],
    ["two parts", (good) => good.split(".").slice(0, 2).join(".")],
    ["four parts", (good) => `${good}.x`],
    ["an encrypted token's five parts", (good) => `${good}.x.y`],
    ["padding", (good) => `${good}=`],
    ["a dot alone", () => "."],
    ["10 kB", async () => issuer.token(USER, { claims: { padding: "x".repeat(10_000) } })],
  ])("%s is refused", async (_row, make) => {
    await expectRefused(application, await make(await issuer.token(USER)));
    expect(attacker.requests).toBe(0);
  });

  test("100 kB never come as far, and the service goes on", async () => {
    const token = await issuer.token(USER, { claims: { padding: "x".repeat(100_000) } });
    const overRest = await exchange(application, rest, token, rest.encode("GetUserByID", { userId: USER }));
    expect(overRest.status).toBe(431);
    await expect(
      exchange(application, grpc, token, grpc.encode("GetUserByID", { userId: USER })),
    ).rejects.toThrow(/Session closed|NGHTTP2_ENHANCE_YOUR_CALM/);
    await expectAccepted(application, await issuer.token(USER));
  });

  test("made-up key ids make no fetch begin while the last one is fresh", async () => {
    const before = issuer.requests;
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const token = await issuer.token(USER, { key: { ...stranger, kid: `made-up-${n}` } });
        await expectRefused(application, token);
      }),
    );
    expect(issuer.requests).toBe(before);
  });

  test("a token that was taken is refused once it has expired, and before its time", async () => {
    const token = await issuer.token(USER, { claims: { nbf: ago(0), exp: ago(-600) } });
    await expectAccepted(application, token);
    clockOffsetMs = 629_000;
    await expectAccepted(application, token);
    clockOffsetMs = -60_000;
    await expectRefused(application, token);
    clockOffsetMs = 0;
    await expectAccepted(application, token);
    clockOffsetMs = 631_000;
    await expectRefused(application, token);
  });

  test("a service account has its roles, and no others", async () => {
    const token = await issuer.token(adminId);
    for (const format of FORMATS) {
      const { message, error } = await ask(application, format, token, "SendEmailCode", {
        userId: USER,
        returnCode: {},
      });
      expect(error).toBeUndefined();
      expect(at(message, "verificationCode")).toEqual(expect.any(String));
    }
  });

  test("a service account makes no access token by it that ends later", async () => {
    const exp = Math.floor(Date.now() / 1_000) + 600;
    const token = await issuer.token(adminId, { claims: { exp } });
    const client = openRest(application.url, AccessService);
    const create = (expireTime?: string) =>
      outcome(
        client.ask(token, "CreateAccessToken", {
          serviceAccountId: adminId,
          ...(expireTime !== undefined && { expireTime }),
        }),
      );
    expect(await create()).toBe("7 ACCESS_TOKEN_OUTLIVES_CALLER");
    expect(await create(new Date(exp * 1_000 + 1).toISOString())).toBe("7 ACCESS_TOKEN_OUTLIVES_CALLER");
    expect(await create(new Date(exp * 1_000).toISOString())).toBe("ok");
    client.close();
  });

  test.each(["Deactivate", "Lock"] as const)("%s ends a user's token at the next call", async (verb) => {
    const userId = `${verb}-me`;
    await addUser(application, userId);
    const token = await issuer.token(userId);
    const lookAtMyself = () => look(application, grpc, token, userId);
    expect((await lookAtMyself()).error).toBeUndefined();
    await asAdmin(application, `${verb}User`, { userId });
    expect((await lookAtMyself()).error).toEqual(refused(TOKEN_INVALID));
    await asAdmin(application, verb === "Lock" ? "UnlockUser" : "ReactivateUser", { userId });
    expect((await lookAtMyself()).error).toBeUndefined();
    await asAdmin(application, "DeleteUser", { userId });
    expect((await lookAtMyself()).error).toEqual(refused(TOKEN_INVALID));
  });

  test("personal access tokens work beside JWTs", async () => {
    await expectAccepted(application, application.token);
  });

  /** A good token's claims under a header of one's own, without a signature. */
  function unsigned(header: object): string {
    return `${encodePart(header)}.${encodePart(issuer.claims(USER))}.`;
  }

  function signedWithPublicKey(secret: string): string {
    const input = `${encodePart({ alg: "HS256", kid: "first" })}.${encodePart(issuer.claims(USER))}`;
    return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
  }

  async function publicPem(): Promise<string> {
    const key = await importJWK({ ...issuer.keys[0]?.publicJwk, ext: true });
    if (key instanceof Uint8Array) throw new Error("no key pair");
    return exportSPKI(key);
  }

  /** Signed as it is, whatever jose thinks of it. */
  async function tamperedHeader(header: object): Promise<string> {
    return signRaw(encodePart({ alg: "ES256", kid: "first", ...header }), encodePart(issuer.claims(USER)));
  }

  async function tamperedPayload(payload: string): Promise<string> {
    return signRaw(encodePart({ alg: "ES256", kid: "first" }), Buffer.from(payload).toString("base64url"));
  }

  async function signRaw(header: string, payload: string): Promise<string> {
    const key = issuer.keys[0]?.privateKey;
    if (key === undefined) throw new Error("no key");
    const input = `${header}.${payload}`;
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await crypto.subtle.sign(algorithm, key, Buffer.from(input));
    return `${input}.${Buffer.from(signature).toString("base64url")}`;
  }
});

describe("keys that change", () => {
  let issuer: JwtIssuer;
  let application: TestApplication;
  let clockOffsetMs = 0;

  beforeEach(async () => {
    clockOffsetMs = 0;
    issuer = await JwtIssuer.start();
    application = await startTestApplication({
      env: issuer.env,
      sources: { nowMs: () => Date.now() + clockOffsetMs },
    });
    await addUser(application, USER);
    await expectAccepted(application, await issuer.token(USER));
  });
  afterEach(async () => {
    await application.stop();
    await issuer.stop();
  });

  test("a new key is fetched when a token names it, by all who wait together once; the old one goes on", async () => {
    const old = await issuer.token(USER);
    await expectAccepted(application, old);
    const key = await newSigningKey("second");
    issuer.keys.unshift(key);
    const token = await issuer.token(USER);
    // Too soon after the fetch of the start.
    await expectRefused(application, token);
    expect(issuer.requests).toBe(1);

    clockOffsetMs = REST_MS + 1_000;
    await Promise.all(Array.from({ length: 20 }, () => expectAccepted(application, token)));
    expect(issuer.requests).toBe(2);
    await expectAccepted(application, old);
  });

  test("a key that was taken back ends the tokens that were taken with it", async () => {
    const old = await issuer.token(USER);
    await expectAccepted(application, old);
    issuer.keys = [await newSigningKey("second")];
    clockOffsetMs = REST_MS + 1_000;
    await expectAccepted(application, await issuer.token(USER));
    await expectRefused(application, old);
  });

  test("the issuer goes away: what is known works on, what is not is told to come again", async () => {
    const known = await issuer.token(USER);
    const issuedLater = await issuer.token(USER, { claims: { jti: "2" } });
    const [first] = issuer.keys;
    const unknown = await issuer.token(USER, { key: await newSigningKey("second") });
    const { answer } = issuer;
    issuer.answer = (response) => response.destroy();
    clockOffsetMs = REST_MS + 1_000;
    for (const format of FORMATS) {
      expect(await expectUnavailable(application, unknown, format)).toBeLessThanOrEqual(5);
    }
    // Known tokens, and those that are new but of a known key.
    await expectAccepted(application, known);
    await expectAccepted(application, issuedLater);
    expect(issuer.requests).toBe(2);

    issuer.answer = answer;
    expect(issuer.keys).toEqual([first]);
    clockOffsetMs += 6_000;
    await expectRefused(application, unknown);
    expect(issuer.requests).toBe(3);
  });

  test("what comes back is not used while it is no JWK Set", async () => {
    const token = await issuer.token(USER);
    const unknown = await issuer.token(USER, { key: await newSigningKey("second") });
    issuer.answer = (response) => response.end('{"keys":[7]}');
    clockOffsetMs = REST_MS + 1_000;
    await expectUnavailable(application, unknown, grpc);
    await expectAccepted(application, token);
  });
});

describe("keys that cannot be had", () => {
  const faults: [string, (response: ServerResponse) => void][] = [
    ["closes the connection", (response) => response.destroy()],
    ["says 500", (response) => response.writeHead(500).end()],
    ["says 404", (response) => response.writeHead(404).end("{}")],
    ["sends elsewhere", (response) => response.writeHead(302, { location: "/elsewhere" }).end()],
    ["answers a page", (response) => response.end("<!doctype html><title>Sign in</title>")],
    ["answers nothing", (response) => response.end()],
    ["answers a list", (response) => response.end("[]")],
    ["answers keys that are no list", (response) => response.end('{"keys":{"0":{}}}')],
    ["answers bytes that are no text", (response) => response.end(Buffer.from([0xff, 0xfe, 0, 1]))],
    ["never ends", (response) => flood(response)],
    ["is compressed a thousandfold", (response) => bomb(response)],
    ["is slow to begin", () => {}],
    ["is slow to end", (response) => void response.write('{"keys":[')],
  ];

  test.each(faults)("an issuer that %s: come again", async (_row, answer) => {
    const issuer = await JwtIssuer.start();
    const rightAnswer = issuer.answer;
    issuer.answer = answer;
    let clockOffsetMs = 0;
    const application = await startTestApplication({
      env: issuer.env,
      sources: { nowMs: () => Date.now() + clockOffsetMs },
    });
    try {
      await addUser(application, USER);
      const token = await issuer.token(USER);
      for (const format of FORMATS) {
        const seconds = await expectUnavailable(application, token, format);
        expect(seconds).toBeGreaterThan(0);
        expect(seconds).toBeLessThanOrEqual(5);
      }
      expect(issuer.requests).toBe(1);
      // Others do not suffer from it.
      await expectAccepted(application, application.token);

      issuer.answer = rightAnswer;
      clockOffsetMs = 6_000;
      await expectAccepted(application, token);
      expect(issuer.requests).toBe(2);
    } finally {
      await application.stop();
      await issuer.stop();
    }
  });

  test("an issuer that is not there at all: the service starts, and says so", async () => {
    const issuer = await JwtIssuer.start();
    const { env } = issuer;
    const token = await issuer.token(USER);
    await issuer.stop();
    const application = await startTestApplication({ env });
    try {
      for (const format of FORMATS) await expectUnavailable(application, token, format);
    } finally {
      await application.stop();
    }
  });

  test("a service stops while it waits for keys", async () => {
    const issuer = await JwtIssuer.start();
    issuer.answer = () => {};
    const application = await startTestApplication({ env: issuer.env });
    await until(() => issuer.requests === 1);
    await application.stop();
    await issuer.stop();
  });
});

/** 20 MB of blanks in 20 kB. */
function bomb(response: ServerResponse): void {
  response.setHeader("content-encoding", "gzip");
  response.end(gzipSync(Buffer.alloc(20_000_000, " ")));
}

function flood(response: ServerResponse): void {
  const endless = function* () {
    for (;;) yield "x".repeat(64 * 1024);
  };
  pipeline(Readable.from(endless()), response).catch(() => {});
}
