// Relays that speak TLS only, with certificates that the system trusts and others.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { SMTPServerOptions } from "smtp-server";
import { RETRY_DELAYS } from "../../../src/mail/retry-policy.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { friendly } from "../relay.ts";
import { at, ERROR_LEVEL, Harness, PERMIT } from "./harness.ts";
import { sampleMail } from "./sample-mail.ts";

const harness = new Harness();
const trusted = makeCertificate();
const expired = makeCertificate({ validFrom: new Date(0), validTo: new Date(86_400_000) });
const authorities = getCACertificates("default");

beforeAll(() => setDefaultCACertificates([...authorities, trusted.certificate, expired.certificate]));
afterAll(() => setDefaultCACertificates([...authorities]));

const withCertificate = ({ certificate, key }: typeof trusted) => ({ cert: certificate, key });
/** Takes mail only from clients that encrypt and log in. */
const STRICT: SMTPServerOptions = {
  ...withCertificate(trusted),
  authOptional: false,
  disabledCommands: [],
  onAuth: ({ username, password }, _session, callback) =>
    username === "me" && password === "secret" ? callback(null, { user: "me" }) : callback(new Error("no")),
};
const LOGIN = { user: "me", password: "secret" };

describe("a relay that takes mail only over TLS", () => {
  test.each([
    ["from the first byte", { secure: true }],
    ["after STARTTLS", { secure: false }],
  ])("%s gets it that way, credentials too", async (_, place) => {
    const relay = await harness.relay({ options: { ...STRICT, ...place } });
    const transport = harness.transport([at(relay.port, { ...LOGIN, ...place, host: "localhost" })]);
    for (let n = 0; n < 3; n++)
      expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(relay.mails).toHaveLength(3);
    expect(relay.isEncrypted).toBe(true);
  });

  test("is not spoken to in clear when it has no TLS to offer", async () => {
    const relay = await harness.script(friendly({ EHLO: "250-relay\r\n250 AUTH PLAIN", STARTTLS: "502 no" }));
    // Another name of this machine that is not known to be a loopback address.
    const transport = harness.transport([at(relay.port, { ...LOGIN, host: "0.0.0.0" })]);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({
      kind: "transient",
      delay: RETRY_DELAYS.misconfigured,
    });
    expect(relay.lines).toEqual([expect.stringMatching(/^EHLO/), "STARTTLS"]);
    expect(harness.log.lines[0]).toMatchObject({ level: ERROR_LEVEL });
  });
});

describe("a certificate that cannot be trusted", () => {
  test.each([
    ["that nobody vouches for", withCertificate(makeCertificate()), "localhost", /SELF_SIGNED/],
    ["that has expired", withCertificate(expired), "localhost", /CERT_HAS_EXPIRED/],
    ["for another name", withCertificate(trusted), "127.0.0.2", /ALTNAME/],
  ])("%s ends the session before credentials and mail", async (_, certificate, host, why) => {
    for (const secure of [true, false]) {
      const relay = await harness.relay(
        { options: { ...STRICT, ...certificate, secure } },
        undefined,
        "0.0.0.0",
      );
      const transport = harness.transport([at(relay.port, { ...LOGIN, host, secure })]);
      expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({
        kind: "transient",
        delay: RETRY_DELAYS.misconfigured,
        problem: expect.stringMatching(why),
      });
      expect(relay.recipients).toEqual([]);
      expect(relay.isEncrypted).toBeUndefined();
      const line = expect.objectContaining({ level: ERROR_LEVEL, relay: `${host}:${relay.port}` });
      expect(harness.log.lines).toContainEqual(line);
    }
  });

  test("a relay that speaks no TLS where it should is misconfigured", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port, { ...LOGIN, secure: true })]);
    const misconfigured = { kind: "transient", delay: RETRY_DELAYS.misconfigured };
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject(misconfigured);
    expect(relay.lines.join()).not.toContain("AUTH");
  });
});
