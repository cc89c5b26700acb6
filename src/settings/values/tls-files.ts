/** The certificate to serve TLS with, and its key: files that have to hold what they should. */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { Fault, parsed } from "./parsed.ts";
import { readText } from "./read-text.ts";

/** PEM. */
export const certificateFile = parsed(parseCertificateFile);

/** PEM, without a passphrase. */
export const keyFile = parsed(parseKeyFile);

function parseCertificateFile(path: string): { path: string; certificate: X509Certificate } | Fault {
  const content = readText(path);
  if (content instanceof Fault) return content;
  try {
    return { path, certificate: new X509Certificate(content) };
  } catch {
    return new Fault("names a file that holds no certificate in PEM");
  }
}

function parseKeyFile(path: string): { path: string; key: KeyObject } | Fault {
  const content = readText(path);
  if (content instanceof Fault) return content;
  try {
    return { path, key: createPrivateKey(content) };
  } catch {
    return new Fault(
      /\bENCRYPTED\b/.test(content)
        ? "names a file whose key is under a passphrase, which cannot be given"
        : "names a file that holds no private key in PEM",
    );
  }
}
