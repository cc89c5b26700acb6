// Whose request it is: the peer's, or, of a trusted proxy, what it says; never what a stranger says.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { ClientAddresses } from "../../../src/transport/client-addresses.ts";

const TRUSTED = ["10.0.0.0/8", "192.0.2.200", "2001:db8:ff::/48"];
const PROXY = "10.0.0.1";

interface Said {
  readonly forwarded?: string;
  readonly "x-forwarded-for"?: string;
}

function clientOf(peerAddress: string, headers: Said = {}, trusted: readonly string[] = TRUSTED): string {
  const get = (name: string) => headers[name as keyof Said] ?? null;
  return new ClientAddresses(trusted).of({ peerAddress, get });
}

describe("the client of", () => {
  test.each<[what: string, peer: string, headers: Said, client: string]>([
    ["a proxy that says nothing", PROXY, {}, PROXY],
    ["a proxy", PROXY, { "x-forwarded-for": "198.51.100.1" }, "198.51.100.1"],
    ["a proxy that speaks RFC 7239", PROXY, { forwarded: 'for="[2001:db8::1]:80"' }, "2001:db8::1"],
    [
      "a proxy under its mapped address",
      "::ffff:10.0.0.1",
      { "x-forwarded-for": "198.51.100.1" },
      "198.51.100.1",
    ],
    [
      "a proxy that is listed by itself",
      "192.0.2.200",
      { "x-forwarded-for": "198.51.100.1" },
      "198.51.100.1",
    ],
    ["a proxy over IPv6", "2001:db8:ff::5", { "x-forwarded-for": "198.51.100.1" }, "198.51.100.1"],
    ["a stranger", "198.51.100.9", { "x-forwarded-for": "198.51.100.1" }, "198.51.100.9"],
    ["a stranger that claims a proxy's", "198.51.100.9", { forwarded: "for=10.0.0.1" }, "198.51.100.9"],
    ["an unknown peer", "", { "x-forwarded-for": "198.51.100.1" }, ""],
    ["two proxies", PROXY, { "x-forwarded-for": "198.51.100.1, 10.0.0.2" }, "198.51.100.1"],
    [
      "two proxies, forged before",
      PROXY,
      { "x-forwarded-for": "203.0.113.1, 198.51.100.1, 10.0.0.2" },
      "198.51.100.1",
    ],
    ["a proxy alone", PROXY, { "x-forwarded-for": "10.0.0.3, 10.0.0.2" }, "10.0.0.3"],
    ["a proxy whose client is hidden", PROXY, { forwarded: "for=203.0.113.1, for=_hidden" }, PROXY],
    ["a second proxy whose client is hidden", PROXY, { forwarded: "for=_hidden, for=10.0.0.2" }, "10.0.0.2"],
    ["a proxy that is not understood", PROXY, { forwarded: 'for="x' }, PROXY],
    ["a header that is too long", PROXY, { "x-forwarded-for": "198.51.100.1,".repeat(200) }, PROXY],
    [
      "headers that agree",
      PROXY,
      { forwarded: "for=198.51.100.1", "x-forwarded-for": "203.0.113.1, 198.51.100.1" },
      "198.51.100.1",
    ],
    [
      "headers of which one was passed on as it came",
      PROXY,
      { forwarded: "for=203.0.113.1", "x-forwarded-for": "198.51.100.1" },
      PROXY,
    ],
    [
      "headers of which one is broken",
      PROXY,
      { forwarded: 'for="', "x-forwarded-for": "198.51.100.1" },
      PROXY,
    ],
  ])("%s", (_what, peer, headers, client) => {
    expect(clientOf(peer, headers)).toBe(client);
  });

  test("anybody, where no proxy is trusted, is the peer", () => {
    expect(clientOf(PROXY, { "x-forwarded-for": "198.51.100.1" }, [])).toBe(PROXY);
    expect(clientOf("::ffff:10.0.0.1", {}, [])).toBe("::ffff:10.0.0.1");
  });
});

test("whatever a client writes, it is itself or its proxy", () => {
  const client = "198.51.100.7";
  const written = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc
      .array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant(PROXY), fc.constant("for=1.2.3.4")), { maxLength: 5 })
      .map((list) => list.join(", ")),
    fc.stringMatching(/^[for=;,"\\ 0-9.:[\]]{0,60}$/),
  );
  fc.assert(
    fc.property(fc.option(written), fc.option(written), fc.boolean(), (one, other, speaksForwarded) => {
      // The proxy appends to one header, and passes the other on.
      const append = (before: string | null, hop: string) => (before === null ? hop : `${before}, ${hop}`);
      const headers: Said = speaksForwarded
        ? { forwarded: append(one, `for=${client}`), ...(other !== null && { "x-forwarded-for": other }) }
        : { "x-forwarded-for": append(one, client), ...(other !== null && { forwarded: other }) };
      expect([client, PROXY]).toContain(clientOf(PROXY, headers));
    }),
    { numRuns: 2_000 },
  );
});
