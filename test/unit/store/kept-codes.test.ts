import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { openKeptCode, sealCodes, sealedCodeAt } from "../../../src/store/kept-codes.ts";
import { Keyring } from "../../../src/store/keyring.ts";

const ring = new Keyring([new Uint8Array(32).fill(1)]);
const other = new Keyring([new Uint8Array(32).fill(2)]);

describe("codes sealed together", () => {
  test("open one by one, each under its own scope alone", () => {
    const printable = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((n) => String.fromCodePoint(n)),
    });
    const code = fc.record({ code: printable, scope: fc.string() });
    fc.assert(
      fc.property(fc.array(code, { minLength: 1 }), fc.string(), (codes, stranger) => {
        const scopes = codes.map(({ scope }) => scope.slice(0, 16).padEnd(16));
        fc.pre(!scopes.includes(stranger.slice(0, 16).padEnd(16)) && !scopes.join("").includes("\n"));
        const sealed = sealCodes(ring, codes);
        for (const [line, { code: expected, scope }] of codes.entries()) {
          expect(openKeptCode(ring, sealedCodeAt(sealed, line), scope)).toBe(expected);
          expect(() => openKeptCode(ring, sealedCodeAt(sealed, line), stranger)).toThrow();
        }
      }),
    );
  });

  test("open at no other place", () => {
    const sealed = sealCodes(ring, [
      { code: "ABC234", scope: "first" },
      { code: "DEF567", scope: "second" },
    ]);
    expect(openKeptCode(ring, sealedCodeAt(sealed, 1), "second")).toBe("DEF567");
    for (const line of [0, 2, -1, Number.NaN]) {
      expect(() => openKeptCode(ring, sealedCodeAt(sealed, line), "second")).toThrow("another answer");
    }
  });

  test("tell neither codes nor scopes", () => {
    const sealed = sealCodes(ring, [{ code: "ABC234", scope: "a-scope-of-its-own" }]);
    const bytes = Buffer.from(sealed.slice(sealed.indexOf(".") + 1), "base64").toString("latin1");
    for (const text of [sealed, bytes]) expect(text).not.toMatch(/ABC234|a-scope/);
  });

  test("are lost with their key", () => {
    const sealed = sealCodes(ring, [{ code: "ABC234", scope: "scope" }]);
    expect(openKeptCode(other, sealedCodeAt(sealed, 0), "scope")).toBeUndefined();
  });

  test("a list is no text that was sealed for something else", () => {
    const single = ring.seal("scope            ABC234", "scope");
    expect(() => openKeptCode(ring, sealedCodeAt(single, 0), "scope")).toThrow();
  });
});

test("a code that was sealed alone, before lists were, opens under its scope", () => {
  const sealed = ring.seal("ABC234", "scope");
  expect(openKeptCode(ring, sealed, "scope")).toBe("ABC234");
  expect(() => openKeptCode(ring, sealed, "other")).toThrow();
});
