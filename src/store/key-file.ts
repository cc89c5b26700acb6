/** The file of secret keys, and the check that a database still has its key. */
import { readFile } from "node:fs/promises";
import { StartError } from "../observability/start-error.ts";
import { SECRET_BYTES, type Keyring } from "./keyring.ts";
import { replacePrivateFile, writePrivateFile } from "./private-file.ts";
import type { Store } from "./store.ts";

const FINGERPRINT_KEY = "key-fingerprint";

/**
 * @returns the secrets in the file, newest first; undefined when there is no file
 * @throws StartError for a file that holds anything else than keys, or none; Error with node's code when it cannot be read
 */
export async function readKeyFile(path: string): Promise<Buffer[] | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return parseKeys(text, path);
}

/**
 * Base64 of 32 bytes (RFC 4648, either alphabet, padded or not), a key a line, as Countersign writes it; commas and
 * blanks may stand between keys too, as they do in COUNTERSIGN_SECRET_KEY.
 *
 * @param path for messages, which never quote the text
 * @throws StartError naming the path and the line
 */
export function parseKeys(text: string, path: string): Buffer[] {
  const found: { readonly key: Buffer; readonly line: number }[] = [];
  for (const [index, content] of text.split("\n").entries()) {
    const line = index + 1;
    for (const entry of content.split(/[\s,]+/).filter((part) => part !== "")) {
      const key = /^[\w+/-]+={0,2}$/.test(entry) ? Buffer.from(entry, "base64") : undefined;
      if (key?.length !== SECRET_BYTES) {
        throw new StartError(
          `${path}, line ${line}: not a key of ${SECRET_BYTES} bytes in base64; restore the file from its backup`,
        );
      }
      const twin = found.find((other) => other.key.equals(key));
      if (twin !== undefined) {
        throw new StartError(`${path}, line ${line}: the same key as on line ${twin.line}; remove one`);
      }
      found.push({ key, line });
    }
  }
  if (found.length === 0) throw new StartError(`${path} holds no key; restore the file from its backup`);
  return found.map(({ key }) => key);
}

/** Writes a fresh secret, readable by its owner only: on disk before anything is written with it. */
export async function makeKeyFile(
  path: string,
  randomBytes: (count: number) => Uint8Array,
): Promise<Buffer[]> {
  const secret = Buffer.from(randomBytes(SECRET_BYTES));
  await writePrivateFile(path, keyFileText([secret]));
  return [secret];
}

/**
 * Puts other secrets into a key file, all at once: whenever the process dies, the file holds the old ones or the new.
 *
 * @param secrets newest first
 */
export function replaceKeyFile(
  path: string,
  secrets: readonly Uint8Array[],
  permissions: "owner only" | "as before",
): Promise<void> {
  return replacePrivateFile(path, keyFileText(secrets), permissions);
}

function keyFileText(secrets: readonly Uint8Array[]): string {
  return secrets.map((secret) => `${Buffer.from(secret).toString("base64")}\n`).join("");
}

/** The id of the newest key that the database was last served with; undefined before its first start. */
export function storedKeyId(store: Pick<Store, "getMetadata">): Promise<string | undefined> {
  return store.getMetadata(FINGERPRINT_KEY);
}

/** Whether the key that the database was last served with is in the ring. */
export async function fitsKeyring(store: Pick<Store, "getMetadata">, keyring: Keyring): Promise<boolean> {
  const known = await storedKeyId(store);
  return known === undefined || keyring.keyIds.includes(known);
}

/**
 * Remembers the newest key, after a check that the key remembered so far is still in the ring: without it codes on their
 * way could neither be mailed nor verified.
 *
 * @returns whether the keyring fits the database
 */
export async function adoptKeyring(store: Store, keyring: Keyring): Promise<boolean> {
  const [newest = ""] = keyring.keyIds;
  // In one step, for of instances that start at once with different keys only one may be the first.
  const known = (await storedKeyId(store)) ?? (await store.setMetadata(FINGERPRINT_KEY, newest, "if absent"));
  if (!keyring.keyIds.includes(known)) return false;
  if (newest !== known) await store.setMetadata(FINGERPRINT_KEY, newest, "always");
  return true;
}
