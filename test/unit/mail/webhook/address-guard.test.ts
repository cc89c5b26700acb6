import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { LookupAddress } from "node:dns";
import { promisify } from "node:util";
import {
  addressProblem,
  createGuardedLookup,
  kindOfAddress,
  type AddressPolicy,
} from "../../../../src/mail/webhook/address-guard.ts";

describe("addresses", () => {
  test.each([
    ["metadata", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"]],
    ["loopback", ["127.0.0.1", "127.255.255.254", "::1"]],
    ["unspecified", ["0.0.0.0", "0.1.2.3", "::"]],
    ["link-local", ["169.254.0.1", "fe80::1", "febf::1", "fe80::1%eth0"]],
    ["private", ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"]],
    ["private", ["fc00::1", "fd12:3456::1", "fec0::1"]],
    ["multicast", ["224.0.0.1", "239.255.255.255", "ff02::1"]],
    ["reserved", ["192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "240.0.0.1", "255.255.255.255"]],
    ["reserved", ["2001:db8::1", "2001::1", "2002:a00:1::", "64:ff9b:1::1", "::8.8.8.8", "100::1"]],
    ["reserved", ["", "example.com", "1.2.3", "[::1]"]],
    [
      "public",
      ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "169.253.1.1", "11.0.0.1", "223.255.255.1"],
    ],
    ["public", ["2606:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]],
  ])("%s: %j", (kind, addresses) => {
    for (const address of addresses) expect([address, kindOfAddress(address)]).toEqual([address, kind]);
  });

  test("an IPv4 address keeps its kind within IPv6", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const kind = kindOfAddress(address);
        const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const forms = [`::ffff:${address}`, `::ffff:${hex}`, `64:ff9b::${address}`, `64:ff9b::${hex}`];
        expect(forms.map(kindOfAddress)).toEqual(forms.map(() => kind));
      }),
    );
  });
});

describe("an address in the URL", () => {
  test.each(["127.0.0.1", "[::1]", "10.0.0.7", "192.168.1.1", "[fd12::1]", "8.8.8.8", "mailer.example.com"])(
    "%s is meant",
    (hostname) => {
      expect(addressProblem(hostname)).toBeUndefined();
    },
  );

  test.each([
    ["169.254.169.254", "metadata"],
    ["169.254.1.1", "link-local"],
    ["[fe80::1]", "link-local"],
    ["[::ffff:a9fe:a9fe]", "metadata"],
    ["[64:ff9b::a9fe:a9fe]", "metadata"],
  ])("%s wants the switch", (hostname, kind) => {
    expect(addressProblem(hostname)).toBe(
      `${hostname} is a ${kind} address; COUNTERSIGN_MAIL_WEBHOOK_PRIVATE=on allows it`,
    );
  });
});

describe("names", () => {
  const PUBLIC: LookupAddress = { address: "8.8.8.8", family: 4 };
  const PRIVATE: LookupAddress = { address: "10.0.0.7", family: 4 };
  const LOOPBACK: LookupAddress = { address: "::1", family: 6 };
  const STRICT: AddressPolicy = { allowPrivate: false, loopbackOnly: false };

  async function look(addresses: readonly LookupAddress[], policy = STRICT, all = true): Promise<unknown> {
    const lookup = createGuardedLookup(policy, (_, options, done) => {
      expect(options.all).toBe(true);
      done(null, [...addresses]);
    });
    return new Promise((resolve, reject) => {
      lookup("mailer.example.com", { all }, (error, found) => (error ? reject(error) : resolve(found)));
    });
  }

  test("of the internet are connected to", async () => {
    expect(await look([PUBLIC])).toEqual([PUBLIC]);
    expect(await look([PUBLIC], STRICT, false)).toBe("8.8.8.8");
  });

  test.each([
    ["private", [PRIVATE]],
    ["private", [PUBLIC, PRIVATE]],
    ["loopback", [LOOPBACK, PUBLIC]],
    ["unspecified", [{ address: "::ffff:0.0.0.0", family: 6 }]],
    ["metadata", [{ address: "::ffff:169.254.169.254", family: 6 }]],
  ])("with a %s address among theirs are refused: %j", async (kind, addresses) => {
    const refused = { code: "ERR_ADDRESS_REFUSED", message: expect.stringContaining(`${kind} address`) };
    await expect(look(addresses)).rejects.toMatchObject(refused);
    await expect(look(addresses, STRICT, false)).rejects.toMatchObject(refused);
    expect(await look(addresses, { ...STRICT, allowPrivate: true })).toEqual(addresses);
  });

  test("without an address are refused", async () => {
    await expect(look([])).rejects.toMatchObject({ code: "ERR_ADDRESS_REFUSED" });
  });

  test("that are spoken to in clear have to be this machine", async () => {
    const policy = { allowPrivate: true, loopbackOnly: true };
    expect(await look([LOOPBACK], policy)).toEqual([LOOPBACK]);
    await expect(look([LOOPBACK, PRIVATE], policy)).rejects.toMatchObject({ code: "ERR_ADDRESS_REFUSED" });
    await expect(look([PUBLIC], policy)).rejects.toMatchObject({ code: "ERR_ADDRESS_REFUSED" });
  });

  test("that the system resolves to this machine are refused", async () => {
    const lookup = promisify(createGuardedLookup(STRICT));
    await expect(lookup("localhost", { all: true })).rejects.toMatchObject({
      message: "localhost resolves to a loopback address; COUNTERSIGN_MAIL_WEBHOOK_PRIVATE=on allows it",
    });
  });
});
