import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { UNAMBIGUOUS_ALPHABET, drawCode, matchesMac } from "../../../src/verification/code.ts";
import { mac } from "./new-code.ts";

/** Yields these bytes over and over, as many as asked for. */
function cycle(bytes: Iterable<number>) {
  const all = [...bytes];
  let next = 0;
  return (count: number) => Uint8Array.from({ length: count }, () => all[next++ % all.length] ?? 0);
}

/** `symbols` different characters. */
function alphabetOf(symbols: number): string {
  return String.fromCharCode(...Array.from({ length: symbols }, (_, index) => 0x100 + index));
}

describe("drawCode", () => {
  test("every code has the length and the alphabet asked for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 256 }),
        fc.nat({ max: 40 }),
        // Byte 0 counts for every alphabet, so the draw ends.
        fc.array(fc.nat({ max: 255 })).map((bytes) => [...bytes, 0]),
        (symbols, length, bytes) => {
          const alphabet = alphabetOf(symbols);
          const code = drawCode(alphabet, length, cycle(bytes));
          expect(code).toHaveLength(length);
          expect(code.split("").every((symbol) => alphabet.includes(symbol))).toBe(true);
        },
      ),
    );
  });

  // 10 digits and 36 letters and digits leave a remainder; ZITADEL never draws the last symbol.
  test.each([2, 3, 10, 31, 32, 36, 62, 89, 127, 129, 255, 256])(
    "%i symbols: each is as likely as the others, the last one too",
    (symbols) => {
      const alphabet = alphabetOf(symbols);
      // All bytes twice: the second time shows whether those past the last whole round were passed over.
      const rounds = 2 * Math.floor(256 / symbols);
      const code = drawCode(alphabet, rounds * symbols, cycle(Array(256).keys()));
      const counts = new Map<string, number>();
      for (const symbol of code) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
      expect(counts).toEqual(new Map(alphabet.split("").map((symbol) => [symbol, rounds])));
    },
  );

  test.each(["", "A", alphabetOf(257)])("an alphabet of $length symbols is refused", (alphabet) => {
    expect(() => drawCode(alphabet, 6, cycle([0]))).toThrow(RangeError);
  });

  test("the default alphabet has 32 different symbols and none that people confuse", () => {
    expect(new Set(UNAMBIGUOUS_ALPHABET).size).toBe(32);
    expect(UNAMBIGUOUS_ALPHABET).not.toMatch(/[IO01]/);
  });
});

describe("matchesMac", () => {
  const { keyId } = mac("CODE");

  test.each([
    ["the same", [mac("CODE")], true],
    ["one of several, first", [mac("CODE"), mac("WRONG")], true],
    ["one of several, last", [mac("CODE", "key1"), mac("CODE")], true],
    ["another code", [mac("WRONG")], false],
    ["the same code under another key", [mac("CODE", "key1")], false],
    ["the same bytes, but of another key", [{ ...mac("CODE"), keyId: "key1" }], false],
    ["a prefix", [{ keyId, mac: mac("CODE").mac.slice(0, 8) }], false],
    ["an extension", [{ keyId, mac: Buffer.from(`${mac("CODE").mac}x`).toString("base64") }], false],
    ["an empty one", [{ keyId, mac: "" }], false],
    ["none", [], false],
  ])("%s", (_row, candidates, expected) => {
    expect(matchesMac(mac("CODE"), candidates)).toBe(expected);
  });
});
