import { expect, test } from "@jest/globals";
import { leavesMachine, type MailRoute } from "../../../src/mail/mail-route.ts";
import { reservedDomain } from "../../../src/mail/reserved-domains.ts";

test.each([
  ["ada@example.com", "example.com"],
  ["ada@mail.example.com", "example.com"],
  ["ada@EXAMPLE.ORG", "example.org"],
  ["ada@example.net.", "example.net"],
  ["ada@localhost", ".localhost"],
  ["ada@a.b.localhost", ".localhost"],
  ["ada@shop.test", ".test"],
  ["ada@shop.example", ".example"],
  ["ada@shop.invalid", ".invalid"],
  ['"a@b.test"@countersign.dev', undefined],
  ["ada@myexample.com", undefined],
  ["ada@example.co", undefined],
  ["ada@example.com.au", undefined],
  ["ada@contest", undefined],
  ["example.com@countersign.dev", undefined],
])("%s is in %s", (address, reserved) => {
  expect(reservedDomain(address)).toBe(reserved);
});

const relay = (host: string) => ({ host, port: 25, secure: false });
const webhook = (url: string): MailRoute => ({ kind: "webhook", endpoint: { url } as never });

test.each<[string, MailRoute, boolean]>([
  ["the dev inbox", { kind: "inbox" }, false],
  ["a relay here", { kind: "smtp", relays: [relay("127.0.0.1")] }, false],
  ["a relay here, over IPv6", { kind: "smtp", relays: [relay("::1")] }, false],
  ["a relay elsewhere", { kind: "smtp", relays: [relay("mail.example.com")] }, true],
  ["a relay here and one elsewhere", { kind: "smtp", relays: [relay("localhost"), relay("10.0.0.1")] }, true],
  ["a provider here", webhook("http://[::1]:9000/"), false],
  ["a provider elsewhere", webhook("https://mailer.example.com/"), true],
])("%s", (_what, route, leaves) => {
  expect(leavesMachine(route)).toBe(leaves);
});
