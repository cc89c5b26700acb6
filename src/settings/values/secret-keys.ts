/** The keys that seal mails in the queue and authenticate codes: newest first, in the variable or in a file. */
import { Secret } from "../../observability/secret.ts";
import { Fault, parsed } from "./parsed.ts";
import { readText } from "./read-text.ts";

const SECRET_KEY_BYTES = 32;

export const secretKeys = parsed(parseSecretKeys);

/** The text is the path. */
export const secretKeyFile = parsed(readSecretKeys);

function parseSecretKeys(text: string): readonly Secret<Uint8Array>[] | Fault {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== "");
  if (entries.length === 0) return new Fault("has no key");
  const keys: Buffer[] = [];
  for (const [index, entry] of entries.entries()) {
    // Both alphabets of RFC 4648, padded or not.
    const key = /^[\w+/-]+={0,2}$/.test(entry) ? Buffer.from(entry, "base64") : undefined;
    if (key?.length !== SECRET_KEY_BYTES) {
      return new Fault(`is not ${SECRET_KEY_BYTES} bytes in base64 (key ${index + 1} of ${entries.length})`);
    }
    if (keys.some((other) => other.equals(key)))
      return new Fault(`has the same key twice (key ${index + 1})`);
    keys.push(key);
  }
  return keys.map((key) => new Secret<Uint8Array>(key));
}

function readSecretKeys(path: string): { path: string; keys: readonly Secret<Uint8Array>[] } | Fault {
  const content = readText(path);
  if (content instanceof Fault) return content;
  const keys = parseSecretKeys(content);
  return keys instanceof Fault ? new Fault(`names a file whose content ${keys.text}`) : { path, keys };
}
