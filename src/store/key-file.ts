/** The secret key that a first start makes for itself, and the check that a database still has its key. */
import { readFile } from "node:fs/promises";
import { SECRET_BYTES, type Keyring } from "./keyring.ts";
import { writePrivateFile } from "./private-file.ts";
import type { Store } from "./store.ts";

const FINGERPRINT_KEY = "key-fingerprint";

/** @returns the secrets in the file, newest first, one base64 text a line; undefined when there is no file */
export async function readKeyFile(path: string): Promise<Buffer[] | undefined> {
  try {
    const lines = (await readFile(path, "utf8")).split("\n");
    return lines.filter((line) => line.trim() !== "").map((line) => Buffer.from(line.trim(), "base64"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a fresh secret, readable by its owner only: on disk before anything is written with it. */
export async function makeKeyFile(
  path: string,
  randomBytes: (count: number) => Uint8Array,
): Promise<Buffer[]> {
  const secret = Buffer.from(randomBytes(SECRET_BYTES));
  await writePrivateFile(path, `${secret.toString("base64")}\n`);
  return [secret];
}

/** The id of the newest key that the database was last served with; undefined before its first start. */
export function storedKeyId(store: Store): Promise<string | undefined> {
  return store.getMetadata(FINGERPRINT_KEY);
}

/** Whether the key that the database was last served with is in the ring. */
export async function fitsKeyring(store: Store, keyring: Keyring): Promise<boolean> {
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
  if (!(await fitsKeyring(store, keyring))) return false;
  const [newest = ""] = keyring.keyIds;
  if (newest !== (await storedKeyId(store))) await store.setMetadata(FINGERPRINT_KEY, newest, "always");
  return true;
}
