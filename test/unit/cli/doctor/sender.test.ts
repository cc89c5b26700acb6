// What the doctor makes of the sender's domain, asked of a DNS server of this test.
import { afterEach, expect, test } from "@jest/globals";
import { checkSender } from "../../../../src/cli/doctor/mail-checks.ts";
import { startDnsServer, type Zone } from "../../../support/dns-server.ts";
import { load, type Env } from "../../../support/settings.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const SPF = "v=spf1 include:_spf.relay.example -all";
const DMARC = "v=DMARC1; p=quarantine";
const KEY = "v=DKIM1; k=rsa; p=MIGfMA0";

async function look(zone: Zone, { dkimSelector, env = {} }: { dkimSelector?: string; env?: Env } = {}) {
  const server = await startDnsServer(zone);
  stops.push(() => server.stop());
  const config = load({
    COUNTERSIGN_SMTP_URL: "smtp://relay.acme.org",
    COUNTERSIGN_MAIL_FROM: "Acme <no-reply@mail.acme.org>",
    ...env,
  });
  const options = { nowMs: Date.now(), relayTimeoutMs: 1, dnsTimeoutMs: 250, dkimSelector };
  const checks = await checkSender(config, { ...options, dnsServer: server.address });
  return Object.fromEntries(checks.map(({ name, level, found }) => [name, `${level}: ${found}`]));
}

test("all is published", async () => {
  const zone = { "mail.acme.org": ["other=1", SPF], "_dmarc.mail.acme.org": [DMARC] };
  expect(await look({ ...zone, "s1._domainkey.mail.acme.org": [KEY] }, { dkimSelector: "s1" })).toEqual({
    spf: `ok: mail.acme.org: ${SPF}`,
    dkim: "ok: there is a key at s1._domainkey.mail.acme.org",
    dmarc: `ok: mail.acme.org: ${DMARC}`,
  });
});

test("nothing is", async () => {
  expect(await look({ "mail.acme.org": [] })).toEqual({
    spf: "warning: mail.acme.org has no SPF record",
    dkim: "warning: there are no keys below _domainkey.mail.acme.org",
    dmarc: "warning: mail.acme.org has no DMARC record",
  });
});

test("there is no such domain", async () => {
  expect(await look({})).toMatchObject({ spf: "problem: there is no domain mail.acme.org" });
});

test("nobody answers", async () => {
  const zone: Zone = {
    "mail.acme.org": "silence",
    "_domainkey.mail.acme.org": "silence",
    "_dmarc.mail.acme.org": "silence",
  };
  expect(await look(zone)).toEqual({
    spf: "warning: no answer from DNS about mail.acme.org",
    dkim: "warning: no answer from DNS about _domainkey.mail.acme.org",
    dmarc: "warning: no answer from DNS about _dmarc.mail.acme.org",
  });
});

const SELECTED = "s1._domainkey.mail.acme.org";

test.each<[string, Zone, { dkimSelector?: string }, Record<string, string>]>([
  [
    "the domain above has DMARC",
    { "_dmarc.acme.org": [DMARC] },
    {},
    { dmarc: `ok: mail.acme.org: ${DMARC}` },
  ],
  [
    "a top-level domain's DMARC counts for nobody",
    { "_dmarc.org": [DMARC] },
    {},
    { dmarc: "warning: mail.acme.org has no DMARC record" },
  ],
  [
    "two SPF records",
    { "mail.acme.org": [SPF, "v=spf1 -all"] },
    {},
    { spf: "problem: mail.acme.org has 2 SPF records" },
  ],
  [
    "two DMARC records",
    { "_dmarc.mail.acme.org": [DMARC, DMARC] },
    {},
    { dmarc: "problem: mail.acme.org has 2 DMARC records" },
  ],
  [
    "SPF for everybody",
    { "mail.acme.org": ["v=spf1 mx all"] },
    {},
    { spf: "warning: mail.acme.org lets everybody send: v=spf1 mx all" },
  ],
  [
    "not quite SPF",
    { "mail.acme.org": ["v=spf10 -all"] },
    {},
    { spf: "warning: mail.acme.org has no SPF record" },
  ],
  [
    "a key of unknown name",
    { [SELECTED]: [KEY] },
    {},
    { dkim: "ok: there may be keys below _domainkey.mail.acme.org; --dkim-selector looks at one" },
  ],
  [
    "another key",
    { "s2._domainkey.mail.acme.org": [KEY] },
    { dkimSelector: "s1" },
    { dkim: `problem: there is no key at ${SELECTED}` },
  ],
  [
    "a revoked key",
    { [SELECTED]: ["v=DKIM1; p="] },
    { dkimSelector: "s1" },
    { dkim: `problem: the key at ${SELECTED} was revoked` },
  ],
  [
    "a long key",
    { [SELECTED]: [`v=DKIM1; p=${"A".repeat(400)}`] },
    { dkimSelector: "s1" },
    { dkim: `ok: there is a key at ${SELECTED}` },
  ],
])("%s", async (_, zone, options, expected) => {
  expect(await look(zone, options)).toMatchObject(expected);
});

test.each([
  [
    "the dev inbox",
    { COUNTERSIGN_SMTP_URL: undefined },
    "ok: mails stay here: DNS was not asked about their sender",
  ],
  [
    "nobody's domain",
    { COUNTERSIGN_MAIL_FROM: "a@example.com" },
    "warning: mails come from example.com, which is nobody's domain",
  ],
  [
    "the default",
    { COUNTERSIGN_MAIL_FROM: undefined },
    "warning: mails come from localhost, which is nobody's domain",
  ],
])("%s", async (_, env, expected) => {
  expect(await look({}, { env })).toEqual({ sender: expected });
});
