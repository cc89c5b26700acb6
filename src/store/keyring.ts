/**
 * The secret keys: what they seal and what they sign.
 *
 * From each 32-byte secret two keys are derived with HKDF-SHA256 (RFC 5869): one for AES-256-GCM, which seals codes and
 * mails at rest, one for HMAC-SHA256, under which codes are compared. The newest key makes, every key opens and compares,
 * so that keys can be replaced while codes are on their way. Keys never leave the main thread.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import type { CodeMac } from "../verification/code.ts";
import type { RandomBytes } from "./identifiers.ts";

interface Key {
  /** Public name of the key: the first 8 bytes of a derivation, hex. */
  readonly id: string;
  readonly sealing: KeyObject;
  readonly signing: KeyObject;
}

export const SECRET_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

export class Keyring {
  readonly #keys: readonly [Key, ...Key[]];
  readonly #randomBytes: RandomBytes;

  /**
   * @param secrets 32 bytes each, newest first
   * @param source of cryptographically secure bytes, for initialization vectors
   * @throws RangeError without any secret, or for one of another length
   */
  constructor(secrets: readonly Uint8Array[], source: RandomBytes = randomBytes) {
    const [newest, ...older] = secrets.map(deriveKey);
    if (newest === undefined) throw new RangeError("a keyring needs at least one secret");
    this.#keys = [newest, ...older];
    this.#randomBytes = source;
  }

  /** Public names of the keys, newest first: they tell whether two keyrings share keys, and nothing about the keys. */
  get keyIds(): readonly string[] {
    return this.#keys.map((key) => key.id);
  }

  /** The MAC under which a user's new code is kept. */
  mac(userId: string, code: string): CodeMac {
    return codeMac(this.#keys[0], userId, code);
  }

  /** The MACs that a submitted code has under every key. */
  candidateMacs(userId: string, code: string): readonly CodeMac[] {
    return this.#keys.map((key) => codeMac(key, userId, code));
  }

  /**
   * @param context additional data: what opens under another context was moved there by someone
   * @returns `<key id>.<base64 of iv, ciphertext and tag>`
   */
  seal(plaintext: string, context: string): string {
    const key = this.#keys[0];
    const iv = this.#randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", key.sealing, iv).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([iv, cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${key.id}.${sealed.toString("base64")}`;
  }

  /** Whether the key that sealed it is in the ring. */
  canOpen(sealed: string): boolean {
    return this.keyIds.includes(sealed.slice(0, sealed.indexOf(".")));
  }

  /** @throws Error when the key is not in the ring, or text or context were changed */
  open(sealed: string, context: string): string {
    const dot = sealed.indexOf(".");
    const keyId = sealed.slice(0, dot);
    const key = this.#keys.find((candidate) => candidate.id === keyId);
    if (key === undefined) throw new Error(`sealed with key ${keyId}, which is not configured`);
    const bytes = Buffer.from(sealed.slice(dot + 1), "base64");
    const decipher = createDecipheriv("aes-256-gcm", key.sealing, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
  }
}

function deriveKey(secret: Uint8Array): Key {
  if (secret.length !== SECRET_BYTES) {
    throw new RangeError(`a secret key has ${SECRET_BYTES} bytes, not ${secret.length}`);
  }
  const derive = (purpose: string, bytes: number) =>
    Buffer.from(hkdfSync("sha256", secret, "", `countersign/${purpose}/v1`, bytes));
  return {
    id: derive("key-id", 8).toString("hex"),
    sealing: createSecretKey(derive("seal", 32)),
    signing: createSecretKey(derive("code-mac", 32)),
  };
}

/** The user's id stands in the MAC, its length before it: a MAC fits one user's one code and nothing else. */
function codeMac(key: Key, userId: string, code: string): CodeMac {
  const mac = createHmac("sha256", key.signing)
    .update(`${userId.length}:${userId}${code}`, "utf8")
    .digest("base64");
  return { keyId: key.id, mac };
}
