/** The certificate that the port shows: from files, checked before use, so that a broken one never replaces a good one. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ServerOptions } from "node:https";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Logger } from "../observability/logger.ts";

export interface CertificateFiles {
  /** PEM: the certificate, then its intermediates. */
  readonly certificateFile: string;
  /** PEM, without a passphrase. */
  readonly keyFile: string;
}

export interface Certificate {
  readonly context: SecureContextOptions;
  readonly subject: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/**
 * TLS 1.2 with forward secrecy and authenticated encryption, and TLS 1.3: what browsers and gRPC of the last ten years
 * speak. The rest is prohibited for HTTP/2 (RFC 9113 appendix A).
 */
const PROTOCOL: SecureContextOptions = {
  minVersion: "TLSv1.2",
  ciphers: [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
  ].join(":"),
};

/** For the server: what a secure context does not hold. */
export function tlsServerOptions({ context }: Certificate, handshakeTimeoutMs: number): ServerOptions {
  return { ...context, ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: handshakeTimeoutMs };
}

/** @throws Error when a file cannot be read, or the two are no certificate and its key */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(files.certificateFile), readFile(files.keyFile)]);
  const context = { ...PROTOCOL, cert, key };
  // Throws for whatever OpenSSL will not serve, a key of another certificate among it.
  createSecureContext(context);
  const { subject, validFromDate, validToDate } = new X509Certificate(cert);
  return { context, subject, validFrom: validFromDate, validTo: validToDate };
}

/** A broken new certificate leaves the old one in use, and a line in the log. */
export async function reloadCertificate(
  files: CertificateFiles,
  use: (certificate: Certificate) => void,
  logger: Logger,
): Promise<void> {
  try {
    const certificate = await readCertificate(files);
    use(certificate);
    logger.info(describe(certificate), "the certificate was read again");
    warnOutOfDate(certificate, logger);
  } catch (error) {
    logger.error({ err: error, ...files }, "the certificate cannot be used, the one before it stays");
  }
}

export function warnOutOfDate(certificate: Certificate, logger: Logger): void {
  const now = Date.now();
  if (now < certificate.validFrom.getTime() || now > certificate.validTo.getTime()) {
    logger.warn(describe(certificate), "the certificate is not valid at this time");
  }
}

function describe({ subject, validFrom, validTo }: Certificate) {
  return { subject, validFrom: validFrom.toISOString(), validTo: validTo.toISOString() };
}
