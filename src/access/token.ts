/** Personal access tokens: 256 random bits behind a prefix that secret scanners can look for. */
import { hash } from "node:crypto";

const PREFIX = "cs_";
const TOKEN_BYTES = 32;

/** @param randomBytes source of cryptographically secure bytes */
export function createToken(randomBytes: (count: number) => Uint8Array): string {
  return PREFIX + Buffer.from(randomBytes(TOKEN_BYTES)).toString("base64url");
}

/** The only form in which a token is kept: SHA-256, base64url. Tokens are random, so no salt is needed. */
export function hashToken(token: string): string {
  return hash("sha256", token, "base64url");
}
