// What the memory of valid tokens may and may not do, with real signatures and a clock that the test turns.
import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { createLocalJWKSet, type JWSHeaderParameters } from "jose";
import { looksLikeJwt } from "../../../../src/access/jwt/jwt-shape.ts";
import { JwtVerifier } from "../../../../src/access/jwt/jwt-verifier.ts";
import { failure, FailureError } from "../../../../src/verification/failures.ts";
import { AUDIENCE, JwtIssuer, newSigningKey, type SigningKey } from "../../../support/jwt-issuer.ts";
import { TestLog } from "../../../mail/log.ts";

const SKEW_MS = 30_000;
const NOW = Date.UTC(2026, 10, 22, 12);
const SECONDS = NOW / 1_000;

/** Keys as a test has them, which counts how often it is asked. */
class Keys {
  version = 1;
  asked = 0;
  /** What happens while a key is looked up. */
  meanwhile = () => {};
  signers: readonly SigningKey[];

  constructor(...signers: SigningKey[]) {
    this.signers = signers;
  }

  async find(header: JWSHeaderParameters) {
    this.asked += 1;
    const find = createLocalJWKSet({ keys: this.signers.map(({ publicJwk }) => publicJwk) });
    const { version } = this;
    const key = await find({ alg: "", ...header });
    this.meanwhile();
    return { key, version };
  }

  replace(...signers: SigningKey[]): void {
    this.signers = signers;
    this.version += 1;
  }
}

let first: SigningKey;
let second: SigningKey;
let issuer: JwtIssuer;
let keys: Keys;
let nowMs: number;
const log = new TestLog();

beforeAll(async () => {
  [first, second] = await Promise.all([newSigningKey("first"), newSigningKey("second")]);
  issuer = await JwtIssuer.start(first);
  await issuer.stop();
});
beforeEach(() => {
  keys = new Keys(first);
  nowMs = NOW;
});

function verifier(maxRemembered?: number): JwtVerifier {
  return new JwtVerifier({
    issuer: ISSUER,
    audiences: [AUDIENCE],
    keys,
    nowMs: () => nowMs,
    logger: log.logger,
    ...(maxRemembered !== undefined && { maxRemembered }),
  });
}

const ISSUER = "https://login.example.com";

function token(claims: Readonly<Record<string, unknown>> = {}, key = first): Promise<string> {
  return issuer.token("ada", { nowMs: NOW, key, claims: { iss: ISSUER, ...claims } });
}

async function subjectOf(of: JwtVerifier, jwt: string): Promise<string | undefined> {
  return (await of.verify(jwt))?.subject;
}

describe("a valid token", () => {
  test("is checked once", async () => {
    const subject = verifier();
    const good = await token();
    for (let call = 0; call < 3; call++) expect(await subjectOf(subject, good)).toBe("ada");
    expect([keys.asked, subject.remembered]).toEqual([1, 1]);
  });

  test("is taken until the skew after its end, from the skew before its beginning", async () => {
    const subject = verifier();
    const good = await token({ nbf: SECONDS + 100, exp: SECONDS + 200 });
    const at = async (ms: number) => {
      nowMs = NOW + ms;
      return subjectOf(subject, good);
    };
    for (const round of ["not remembered", "remembered"]) {
      expect([round, await at(100_000 - SKEW_MS - 1)]).toEqual([round, undefined]);
      expect([round, await at(100_000 - SKEW_MS)]).toEqual([round, "ada"]);
      expect([round, await at(200_000 + SKEW_MS - 1)]).toEqual([round, "ada"]);
    }
    expect(await at(200_000 + SKEW_MS)).toBeUndefined();
    expect(subject.remembered).toBe(0);
  });

  test("has its own end, remembered or not", async () => {
    const subject = verifier();
    const good = await token({ exp: SECONDS + 100.25 });
    for (let call = 0; call < 2; call++) {
      expect(await subject.verify(good)).toMatchObject({ subject: "ada", expiresAtMs: NOW + 100_250 });
    }
  });

  test("is the same to the millisecond, remembered or not", async () => {
    const good = await token({ nbf: SECONDS + 0.5, exp: SECONDS + 100.25 });
    const remembering = verifier();
    nowMs = NOW + 50_000;
    expect(await subjectOf(remembering, good)).toBe("ada");
    for (const edge of [500 - SKEW_MS, 100_250 + SKEW_MS]) {
      for (let offset = -1_000; offset <= 1_000; offset += 250) {
        nowMs = NOW + edge + offset;
        const fresh = await subjectOf(verifier(), good);
        const again = await subjectOf(remembering, good);
        // Expired ones are forgotten, and checked anew.
        expect([edge, offset, again]).toEqual([edge, offset, fresh]);
      }
    }
  });

  test("is forgotten with other keys", async () => {
    const subject = verifier();
    const good = await token();
    expect(await subjectOf(subject, good)).toBe("ada");
    keys.replace(second);
    expect(await subjectOf(subject, good)).toBeUndefined();
    keys.replace(second, first);
    expect(await subjectOf(subject, good)).toBe("ada");
    expect(keys.asked).toBe(3);
  });

  test("whose key goes while it is checked is not remembered", async () => {
    const subject = verifier();
    const good = await token();
    keys.meanwhile = () => {
      keys.meanwhile = () => {};
      queueMicrotask(() => keys.replace(second));
    };
    await subjectOf(subject, good);
    expect(subject.remembered).toBe(0);
    expect(await subjectOf(subject, good)).toBeUndefined();
  });

  test("of many, as many are remembered as there is room for", async () => {
    const subject = verifier(2);
    const tokens = await Promise.all([1, 2, 3].map((jti) => token({ jti })));
    for (const each of tokens) await subjectOf(subject, each);
    expect([keys.asked, subject.remembered]).toEqual([3, 2]);
    await subjectOf(subject, tokens[2] ?? "");
    expect(keys.asked).toBe(3);
    await subjectOf(subject, tokens[0] ?? "");
    expect(keys.asked).toBe(4);
  });
});

test("what is not valid is never remembered, and why it is not is in the log, without what it holds", async () => {
  const subject = verifier();
  const bad = [
    await token({ aud: "https://other.example" }),
    await token({}, second),
    await token({ exp: 1 }),
    `${await token()}x`,
  ];
  log.text = "";
  for (const each of bad) expect(await subjectOf(subject, each)).toBeUndefined();
  expect(subject.remembered).toBe(0);
  expect(log.lines.map(({ level }) => level)).toEqual([20, 20, 20, 20]);
  expect(log.text).not.toMatch(/eyJ|other\.example|ada/);
});

test("keys that cannot be had are nobody's fault", async () => {
  const why = new FailureError(failure("JWT_KEYS_UNAVAILABLE", { retryAfterMs: 1 }));
  keys.meanwhile = () => {
    throw why;
  };
  await expect(subjectOf(verifier(), await token())).rejects.toBe(why);
});

test.each([
  ["cs_0123456789abcdef0123456789abcdef", false],
  ["eyJ.eyJ", false],
  ["aaaa.bbbb.cccc", false],
  ["eyJ.a.b.c", false],
  ["eyJ.a.b=", false],
  ["eyJhbGciOiJub25lIn0..", true],
  ["eyJhbGciOiJub25lIn0.e30.", true],
  ["eyJhbGciOiJFUzI1NiJ9.e30.c2ln", true],
])("%s looks like a JWT: %s", (text, expected) => {
  expect(looksLikeJwt(text)).toBe(expected);
});
