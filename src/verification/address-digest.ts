/** An address as counters name it. */
import { hash } from "node:crypto";

const DIGEST_LENGTH = 22;

/**
 * The same for all spellings of an address that reach one mailbox with most providers: case does not matter, nor how
 * Unicode composes a letter. Sub-addresses (`ada+shop@`) are addresses of their own. Not the address itself: counters
 * are no place to look people up.
 *
 * @returns 132 bits of its SHA-256, base64url: short, because there may be millions
 */
export function addressDigest(address: string): string {
  const normal = address.normalize("NFC").toLowerCase();
  return hash("sha256", normal, "base64url").slice(0, DIGEST_LENGTH);
}
