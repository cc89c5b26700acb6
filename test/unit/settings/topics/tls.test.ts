// The certificate and its key: files that have to hold what they should, and to belong together.
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { makeCertificate } from "../../../support/certificate.ts";
import { load, problemsOf } from "../../../support/settings.ts";
import { fileWith } from "../../../support/setting-files.ts";

describe("TLS", () => {
  const pair = makeCertificate();
  const problemsWith = (cert: string, key: string) =>
    problemsOf({ COUNTERSIGN_TLS_CERT: fileWith(cert), COUNTERSIGN_TLS_KEY: fileWith(key) });

  test("a certificate and its key", () => {
    const [certificateFile, keyFile] = [fileWith(pair.certificate), fileWith(pair.key)];
    const { tls } = load({ COUNTERSIGN_TLS_CERT: certificateFile }, { tlsKey: keyFile });
    expect(tls).toEqual({ certificateFile, keyFile });
  });

  test.each([
    ["CERT", "KEY"],
    ["KEY", "CERT"],
  ])("TLS_%s without TLS_%s", (one, other) => {
    const file = fileWith(one === "CERT" ? pair.certificate : pair.key);
    expect(problemsOf({ [`COUNTERSIGN_TLS_${one}`]: file })).toEqual([
      `COUNTERSIGN_TLS_${one}: set without COUNTERSIGN_TLS_${other}: set both or none; ` +
        `example: COUNTERSIGN_TLS_${other}=/run/secrets/countersign-tls.${other === "CERT" ? "crt" : "key"}`,
    ]);
  });

  test("the key of another certificate", () => {
    expect(problemsWith(pair.certificate, makeCertificate().key)).toEqual([
      "COUNTERSIGN_TLS_KEY: names a file whose key is not that of the certificate in COUNTERSIGN_TLS_CERT; " +
        "example: COUNTERSIGN_TLS_KEY=/run/secrets/countersign-tls.key",
    ]);
  });

  test.each([
    ["no PEM", "nothing", "nothing", "holds no certificate in PEM", "holds no private key in PEM"],
    [
      "the one for the other",
      pair.key,
      pair.certificate,
      "holds no certificate in PEM",
      "holds no private key in PEM",
    ],
  ])("%s", (_name, cert, key, certFault, keyFault) => {
    const [first, second, ...more] = problemsWith(cert, key);
    expect(first).toMatch(
      new RegExp(`^COUNTERSIGN_TLS_CERT: ".*" names a file that ${certFault}; example: `),
    );
    expect(second).toMatch(
      new RegExp(`^COUNTERSIGN_TLS_KEY: the value names a file that ${keyFault}; example: `),
    );
    expect(more).toEqual([]);
  });

  test("a key under a passphrase", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
    expect(problemsWith(pair.certificate, String(key))[0]).toMatch(
      "COUNTERSIGN_TLS_KEY: the value names a file whose key is under a passphrase, which cannot be given; ",
    );
  });

  test("files that are not there", () => {
    const env = { COUNTERSIGN_TLS_CERT: "/nowhere/a.crt", COUNTERSIGN_TLS_KEY: "/nowhere/a.key" };
    expect(problemsOf(env)).toEqual([
      expect.stringMatching(
        /^COUNTERSIGN_TLS_CERT: "\/nowhere\/a.crt" names a file that cannot be read \(ENOENT\); /,
      ),
      expect.stringMatching(/^COUNTERSIGN_TLS_KEY: the value names a file that cannot be read \(ENOENT\); /),
    ]);
  });
});
