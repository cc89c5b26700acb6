// The two headers in which proxies name the hops before them, as RFC 7239 and custom write them, and as nobody should.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { MAX_FORWARDED_LENGTH, readForwarded, readForwardedFor } from "../../../src/transport/forwarded.ts";

describe("Forwarded", () => {
  test.each<[header: string, hops: (string | undefined)[]]>([
    ["for=192.0.2.60", ["192.0.2.60"]],
    ["For=192.0.2.60;proto=http;by=203.0.113.43", ["192.0.2.60"]],
    ['for="192.0.2.60:4711"', ["192.0.2.60"]],
    ['for="[2001:db8:cafe::17]:4711"', ["2001:db8:cafe::17"]],
    ['for="[2001:db8:cafe::17]"', ["2001:db8:cafe::17"]],
    ['for="[2001:db8::1]:_port"', ["2001:db8::1"]],
    ['for="[::ffff:192.0.2.1]"', ["192.0.2.1"]],
    ["for=192.0.2.43, for=198.51.100.17", ["192.0.2.43", "198.51.100.17"]],
    ["for=192.0.2.43,for=198.51.100.17;by=203.0.113.60", ["192.0.2.43", "198.51.100.17"]],
    ["for=192.0.2.43\t, \tfor=198.51.100.17", ["192.0.2.43", "198.51.100.17"]],
    ["for=unknown", [undefined]],
    ["for=_gazonk, for=192.0.2.1", [undefined, "192.0.2.1"]],
    ["proto=https;by=_x", [undefined]],
    [String.raw`for="192.0.2.\1"`, ["192.0.2.1"]],
    // What looks like a hop within a quoted string is none.
    ['for=192.0.2.1;host="a,for=198.51.100.1;x="', ["192.0.2.1"]],
    [String.raw`for=192.0.2.1;host="a\",for=198.51.100.1;x=\""`, ["192.0.2.1"]],
    ["for=300.0.2.1", [undefined]],
    ['for="2001:db8::1"', ["2001:db8::1"]],
    ['for="[fe80::1%eth0]"', [undefined]],
  ])("%s", (header, hops) => {
    expect(readForwarded(header)).toEqual(hops);
  });

  test.each([
    "",
    "for",
    "for=",
    "for=192.0.2.1,",
    ",for=192.0.2.1",
    "for=192.0.2.1;",
    "for=192.0.2.1;;by=_x",
    "for=192.0.2.1;for=192.0.2.2",
    'for="192.0.2.1',
    'for="192.0.2.1"x, for=192.0.2.2',
    "for=[2001:db8::1]",
    "for = 192.0.2.1",
    // The quote of a stranger swallows what the proxy appended, and nobody can tell where.
    'for="a, for=192.0.2.1',
    'for="a, for="[2001:db8::1]"',
    String.raw`for="a\, for="[2001:db8::1]"`,
    `for=192.0.2.1;x=${"y".repeat(MAX_FORWARDED_LENGTH)}`,
  ])("cannot be read: %s", (header) => {
    expect(readForwarded(header)).toBeUndefined();
  });
});

describe("X-Forwarded-For", () => {
  test.each<[header: string, hops: (string | undefined)[]]>([
    ["192.0.2.1", ["192.0.2.1"]],
    ["192.0.2.1, 2001:db8::1,198.51.100.1", ["192.0.2.1", "2001:db8::1", "198.51.100.1"]],
    ["192.0.2.1:4711, [2001:db8::1]:4711, [2001:db8::2]", ["192.0.2.1", "2001:db8::1", "2001:db8::2"]],
    ["::ffff:192.0.2.1", ["192.0.2.1"]],
    ["", [undefined]],
    ["192.0.2.1,", ["192.0.2.1", undefined]],
    ["unknown, 192.0.2.1", [undefined, "192.0.2.1"]],
    ["192.0.2, 192.0.2.1.5, 0x7f.0.0.1, 192.0.2.01", [undefined, undefined, undefined, undefined]],
    ["192.0.2.1:port, [192.0.2.1], 192.0.2.1/32", [undefined, undefined, undefined]],
  ])("%s", (header, hops) => {
    expect(readForwardedFor(header)).toEqual(hops);
  });

  test("cannot be read where it is longer than honest ones are", () => {
    expect(readForwardedFor("192.0.2.1,".repeat(MAX_FORWARDED_LENGTH / 10 + 1))).toBeUndefined();
  });
});

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !/^::ffff:/i.test(text)),
);
const value = fc.stringMatching(/^[ -~]{0,20}$/);

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;
}

describe("whatever comes", () => {
  test("a header by the grammar gives its addresses, whatever stands beside them", () => {
    const element = fc.record({ hop: address, host: value, isFirst: fc.boolean() });
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 8 }), (elements) => {
        const header = elements.map(({ hop, host, isFirst }) => {
          const pairs = [`for=${quoted(hop.includes(":") ? `[${hop}]` : hop)}`, `host=${quoted(host)}`];
          return (isFirst ? pairs : pairs.toReversed()).join(";");
        });
        expect(readForwarded(header.join(", "))).toEqual(elements.map(({ hop }) => hop));
      }),
    );
  });

  test("what a proxy appends is the last hop, or the header cannot be read", () => {
    const appended = fc.constantFrom(
      "for=192.0.2.9",
      'for="192.0.2.9:80";by="_p"',
      'for="192.0.2.9";proto=http',
    );
    const stranger = fc.oneof(value, fc.stringMatching(/^[for=;,"\\ 0-9.x]{0,40}$/));
    fc.assert(
      fc.property(stranger, appended, (before, hop) => {
        const hops = readForwarded(`${before}, ${hop}`);
        expect([undefined, "192.0.2.9"]).toContain(hops?.at(-1));
        expect(readForwardedFor(`${before}, 192.0.2.9`)?.at(-1)).toBe("192.0.2.9");
      }),
      { numRuns: 2_000 },
    );
  });

  test("no text takes long or throws", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: MAX_FORWARDED_LENGTH }), (text) => {
        readForwarded(text);
        readForwardedFor(text);
      }),
    );
    for (const text of [
      "a".repeat(2_000),
      `for="${"\\a".repeat(1_000)}`,
      "for=1;".repeat(300),
      " ".repeat(2_000),
    ]) {
      const started = performance.now();
      readForwarded(text);
      expect(performance.now() - started).toBeLessThan(50);
    }
  });
});
