import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Keyring } from "../../../src/store/keyring.ts";
import { matchesMac } from "../../../src/verification/code.ts";

const OLD = new Uint8Array(32).fill(1);
const NEW = new Uint8Array(32).fill(2);

/** What OLD makes of user "user-1", code "K7M2QX" and delivery "delivery-1"; key id and MAC were computed apart. */
const FIXED = {
  keyId: "ebaebfc4e9e11c74",
  mac: "0oHHFWNv2gVZvR2egvYiHCf6Hj3sM6l8YvOGU40YBVY=",
  sealed: "ebaebfc4e9e11c74.930XTZw08XM9Mdj/LFmmd9JdEzlj41D8BGlo4zcyNcnVbw==",
};

const old = new Keyring([OLD]);
const rotated = new Keyring([NEW, OLD]);

describe("sealing", () => {
  test("whatever was sealed opens under its context, with any ring that has the key", () => {
    fc.assert(
      fc.property(text(), text(), (plaintext, context) => {
        const sealed = old.seal(plaintext, context);
        expect(old.open(sealed, context)).toBe(plaintext);
        expect(rotated.open(sealed, context)).toBe(plaintext);
      }),
    );
  });

  test("opens under no other context", () => {
    fc.assert(
      fc.property(text(), text(), text(), (plaintext, context, other) => {
        fc.pre(context !== other);
        const sealed = old.seal(plaintext, context);
        expect(() => old.open(sealed, other)).toThrow();
      }),
    );
  });

  test("opens with no bit changed, wherever it is", () => {
    const sealed = old.seal("K7M2QX", "delivery-1");
    const [keyId = "", encoded = ""] = sealed.split(".");
    const bytes = Buffer.from(encoded, "base64");
    expect(old.open(`${keyId}.${bytes.toString("base64")}`, "delivery-1")).toBe("K7M2QX");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const tampered = Buffer.from(bytes);
      tampered[bit >> 3] = (tampered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => old.open(`${keyId}.${tampered.toString("base64")}`, "delivery-1")).toThrow();
    }
  });

  test("opens neither shortened nor lengthened", () => {
    const sealed = old.seal("K7M2QX", "delivery-1");
    const [keyId = "", encoded = ""] = sealed.split(".");
    const bytes = Buffer.from(encoded, "base64");
    for (let length = 0; length < bytes.length; length++) {
      const start = bytes.subarray(0, length).toString("base64");
      expect(() => old.open(`${keyId}.${start}`, "delivery-1")).toThrow();
    }
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]).toString("base64");
    expect(() => old.open(`${keyId}.${longer}`, "delivery-1")).toThrow();
  });

  test("a key that is not in the ring is named", () => {
    const sealed = rotated.seal("K7M2QX", "delivery-1");
    expect(() => old.open(sealed, "delivery-1")).toThrow(
      `sealed with key ${rotated.keyIds[0]}, which is not configured`,
    );
  });

  test("a key's name does not make another key open", () => {
    const sealed = old.seal("K7M2QX", "delivery-1");
    const renamed = sealed.replace(old.keyIds[0] ?? "", rotated.keyIds[0] ?? "");
    expect(renamed).not.toBe(sealed);
    expect(() => rotated.open(renamed, "delivery-1")).toThrow();
  });

  test.each(["", ".", "no dot", "0011223344556677."])("nonsense is refused: %j", (sealed) => {
    expect(() => old.open(sealed, "")).toThrow();
  });

  test("the newest key seals", () => {
    expect(rotated.seal("K7M2QX", "c")).toMatch(new RegExp(`^${rotated.keyIds[0]}\\.[A-Za-z0-9+/]+=*$`));
    expect(new Keyring([NEW]).open(rotated.seal("K7M2QX", "c"), "c")).toBe("K7M2QX");
  });

  test("the same text is never sealed the same way twice, and does not show", () => {
    const sealed = Array.from({ length: 100 }, () => old.seal("K7M2QX", "c"));
    expect(new Set(sealed).size).toBe(100);
    for (const one of sealed) {
      expect(Buffer.from(one.split(".")[1] ?? "", "base64").includes("K7M2QX")).toBe(false);
    }
  });
});

describe("MACs of codes", () => {
  test("are the same for the same user and code, and for nothing else", () => {
    fc.assert(
      fc.property(text(), text(), text(), text(), (userA, codeA, userB, codeB) => {
        const same = userA === userB && codeA === codeB;
        expect(old.mac(userA, codeA).mac === old.mac(userB, codeB).mac).toBe(same);
        expect(old.mac(userA, codeA)).toEqual(old.mac(userA, codeA));
      }),
    );
  });

  test.each<[readonly [string, string], readonly [string, string]]>([
    [
      ["1", "2x"],
      ["12", "x"],
    ],
    [
      ["", "1:a"],
      ["1", "a"],
    ],
    [
      ["a", "b"],
      ["ab", ""],
    ],
    [
      ["1:a", "b"],
      ["1", "ab"],
    ],
  ])("tell %j from %j, though they read the same", (a, b) => {
    expect(old.mac(...a).mac).not.toBe(old.mac(...b).mac);
  });

  test("differ from key to key", () => {
    expect(old.mac("user", "code").mac).not.toBe(rotated.mac("user", "code").mac);
  });

  test("a code given out before a rotation still matches, one given out after it does not match the old ring", () => {
    const before = old.mac("user", "K7M2QX");
    const after = rotated.mac("user", "K7M2QX");
    expect(matchesMac(before, rotated.candidateMacs("user", "K7M2QX"))).toBe(true);
    expect(matchesMac(after, rotated.candidateMacs("user", "K7M2QX"))).toBe(true);
    expect(matchesMac(after, old.candidateMacs("user", "K7M2QX"))).toBe(false);
    expect(matchesMac(before, rotated.candidateMacs("user", "K7M2QY"))).toBe(false);
    expect(matchesMac(before, rotated.candidateMacs("other", "K7M2QX"))).toBe(false);
  });

  test("the newest key signs, every key is a candidate", () => {
    expect(rotated.mac("user", "code").keyId).toBe(rotated.keyIds[0]);
    expect(rotated.candidateMacs("user", "code")).toEqual([
      new Keyring([NEW]).mac("user", "code"),
      old.mac("user", "code"),
    ]);
  });
});

describe("keys", () => {
  test("are named, newest first, and a name never depends on the ring", () => {
    expect(rotated.keyIds).toEqual([...new Keyring([NEW]).keyIds, ...old.keyIds]);
    expect(rotated.keyIds).toEqual([
      expect.stringMatching(/^[0-9a-f]{16}$/),
      expect.stringMatching(/^[0-9a-f]{16}$/),
    ]);
    expect(new Set(rotated.keyIds).size).toBe(2);
  });

  // What is sealed today has to open in years: these values never change.
  test("are derived the same way for ever", () => {
    expect(old.keyIds).toEqual([FIXED.keyId]);
    expect(old.mac("user-1", "K7M2QX")).toEqual({ keyId: FIXED.keyId, mac: FIXED.mac });
    expect(old.open(FIXED.sealed, "delivery-1")).toBe("K7M2QX");
  });

  test("are 32 bytes, at least one", () => {
    expect(() => new Keyring([])).toThrow(RangeError);
    expect(() => new Keyring([NEW, new Uint8Array(31)])).toThrow("a secret key has 32 bytes, not 31");
    expect(() => new Keyring([new Uint8Array(33)])).toThrow("a secret key has 32 bytes, not 33");
  });
});

/** Any text that UTF-8 can hold. */
function text(): fc.Arbitrary<string> {
  return fc.string({ unit: "binary", maxLength: 40 });
}
