/**
 * Verification codes: how one is drawn, how people may spell it, and how a submitted one is compared.
 *
 * A code is never kept in clear: the aggregate keeps an HMAC of it, made by whoever holds the keys. Keys never come
 * here; a submitted code arrives as the MACs it would have under every live key.
 */
import { timingSafeEqual } from "node:crypto";

/** Upper-case letters and digits without the pairs people confuse (I/1, O/0): 32 symbols, 5 bits each. */
export const UNAMBIGUOUS_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** An HMAC-SHA256 of (user id, code), base64, and the id of the key that made it. */
export interface CodeMac {
  readonly keyId: string;
  readonly mac: string;
}

/**
 * Draws a code by rejection sampling: a random byte counts only when it falls below the largest multiple of the
 * alphabet's size, so every symbol is equally likely for every alphabet of up to 256 symbols.
 *
 * @param randomBytes source of cryptographically secure bytes
 */
export function drawCode(
  alphabet: string,
  length: number,
  randomBytes: (count: number) => Uint8Array,
): string {
  const symbols = alphabet.length;
  if (symbols < 2 || symbols > 256) {
    throw new RangeError(`a code alphabet has 2 to 256 symbols, not ${symbols}`);
  }
  const limit = 256 - (256 % symbols);
  let code = "";
  while (code.length < length) {
    for (const byte of randomBytes(length - code.length)) {
      if (byte < limit) code += alphabet[byte % symbols];
    }
  }
  return code;
}

const DASHES = /[\p{Dash_Punctuation}\u2212]/gu;
/** White space, and what is not seen at all: soft hyphens, joiners, direction marks. */
const UNSEEN = /[\p{White_Space}\p{Cf}]/gu;

/**
 * A submitted code as it was drawn: mails and people put spaces and dashes between its symbols, telephones begin a word
 * with a capital, input methods type wide letters. Only what the alphabet cannot tell apart is made equal, so a code
 * stays as hard to guess as it was.
 *
 * - Compatibility forms become plain ones (Unicode NFKC); white space and invisible characters go.
 * - Dashes of every kind go; where the alphabet has the hyphen, they become it.
 * - ASCII letters take the case of the alphabet, where all its letters have the same.
 *
 * @param alphabet distinct printable ASCII symbols
 */
export function normalizeCode(submitted: string, alphabet: string): string {
  const plain = submitted
    .normalize("NFKC")
    .replace(UNSEEN, "")
    .replace(DASHES, alphabet.includes("-") ? "-" : "");
  const [hasUpper, hasLower] = [/[A-Z]/.test(alphabet), /[a-z]/.test(alphabet)];
  if (hasUpper === hasLower) return plain;
  // ASCII alone: in full Unicode some letters change into several, or into another letter's pair.
  return hasUpper
    ? plain.replace(/[a-z]/g, (letter) => letter.toUpperCase())
    : plain.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Whether one of the candidates is this MAC. Looks at every candidate, each in constant time. */
export function matchesMac(expected: CodeMac, candidates: readonly CodeMac[]): boolean {
  const wanted = Buffer.from(expected.mac, "base64");
  let matched = false;
  for (const candidate of candidates) {
    const given = Buffer.from(candidate.mac, "base64");
    const equal = given.length === wanted.length && timingSafeEqual(given, wanted);
    if (equal && candidate.keyId === expected.keyId) matched = true;
  }
  return matched;
}
