// Self-signed certificates for localhost, written by hand: as much DER as X.509 needs (RFC 5280), and node's own keys.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

export interface CertificatePair {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly key: string;
}

export interface CertificateOptions {
  readonly commonName?: string;
  readonly validFrom?: Date;
  readonly validTo?: Date;
}

const DAY_MS = 86_400_000;

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const TRUE = Buffer.from([0x01, 0x01, 0xff]);

const ECDSA_WITH_SHA256 = tagged(SEQUENCE, tagged(OBJECT_IDENTIFIER, Buffer.from("2a8648ce3d040302", "hex")));
const COMMON_NAME = tagged(OBJECT_IDENTIFIER, Buffer.from("550403", "hex"));
const BASIC_CONSTRAINTS = tagged(OBJECT_IDENTIFIER, Buffer.from("551d13", "hex"));
const SUBJECT_ALTERNATIVE_NAME = tagged(OBJECT_IDENTIFIER, Buffer.from("551d11", "hex"));

/** An authority of its own, so that clients trust it as `ca`: for localhost and 127.0.0.1. */
export function makeCertificate(options: CertificateOptions = {}): CertificatePair {
  const now = Date.now();
  const {
    commonName = "localhost",
    validFrom = new Date(now - DAY_MS),
    validTo = new Date(now + 30 * DAY_MS),
  } = options;
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(tagged(SET, sequence(COMMON_NAME, tagged(UTF8_STRING, Buffer.from(commonName)))));
  const names = sequence(tagged(0x82, Buffer.from("localhost")), tagged(0x87, Buffer.from([127, 0, 0, 1])));
  const content = sequence(
    tagged(0xa0, tagged(INTEGER, Buffer.from([2]))), // version 3
    tagged(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(validFrom), time(validTo)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(
      0xa3,
      sequence(
        sequence(BASIC_CONSTRAINTS, TRUE, tagged(OCTET_STRING, sequence(TRUE))),
        sequence(SUBJECT_ALTERNATIVE_NAME, tagged(OCTET_STRING, names)),
      ),
    ),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", content, privateKey)]);
  const certificate = sequence(content, ECDSA_WITH_SHA256, tagged(BIT_STRING, signature));
  const lines = certificate.toString("base64").replaceAll(/.{64}/g, "$&\n");
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(SEQUENCE, Buffer.concat(parts));
}

/** Until 2049. */
function time(date: Date): Buffer {
  return tagged(
    UTC_TIME,
    Buffer.from(
      date
        .toISOString()
        .slice(2)
        .replaceAll(/[-:T]|\.\d+/g, ""),
    ),
  );
}

/** Tag, length, value. */
function tagged(tag: number, value: Buffer): Buffer {
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), value]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), value]);
}
