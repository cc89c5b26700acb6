/**
 * Replaces the secret key while codes are on their way.
 *
 * A rotation puts a fresh key before the others. From the next start on it makes every new code; the older keys stay for
 * the codes that they made, and go once the last of those has expired. Both commands here run under the lock of the
 * database, so that no code is made meanwhile. Their steps, each on disk before the next:
 *
 * 1. rotate: the key file holds the fresh key and all that it held before.
 * 2. The mails of the dev inbox, which never expire, are sealed anew with the newest key.
 * 3. The database remembers the newest key as the one it goes with.
 * 4. The key file loses the keys that nothing needs any more.
 *
 * The key that the database remembers is in the file after each step, and so is every key that something was made with:
 * a run that dies in between leaves a file that the service starts with, and either command may be given again.
 */
import { StartError } from "../observability/start-error.ts";
import type { RandomBytes } from "./identifiers.ts";
import { adoptKeyring, fitsKeyring } from "./key-file.ts";
import { Keyring, SECRET_BYTES } from "./keyring.ts";
import type { KeyUse, Store } from "./store.ts";

export interface KeyState {
  readonly id: string;
  readonly isNewest: boolean;
  /** It makes new codes, or something that it made can still be used. */
  readonly isNeeded: boolean;
  /** When its last code expires, milliseconds since the Unix epoch; undefined when it has none that did not. */
  readonly codesUntilMs: number | undefined;
  /** Mails in the dev inbox that it sealed; pruning seals them anew. */
  readonly inboxMails: number;
}

export interface KeyReport {
  /** Newest first. */
  readonly keys: readonly KeyState[];
  /** What can still be used, but for a key that is not there. */
  readonly missing: readonly KeyState[];
}

export interface KeyChanges extends KeyReport {
  /** Ids of the keys that were taken out; `keys` are those that stayed. */
  readonly dropped: readonly string[];
  readonly resealedMails: number;
  /** Mails of the dev inbox that no key opens. */
  readonly unreadableMails: number;
}

export interface KeyTask {
  readonly store: Store;
  /** 32 bytes each, newest first, at least one. */
  readonly secrets: readonly Uint8Array[];
  /** Names the origin of the secrets in messages. */
  readonly source: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly onProgress?: (users: number) => void;
}

export interface KeySaver {
  /** Resolves once these secrets are on disk in place of all others. */
  save(secrets: readonly Uint8Array[]): Promise<void>;
}

/** Changes nothing. @throws StartError when the database was served with none of these keys */
export async function inspectKeys(task: KeyTask): Promise<KeyReport> {
  const { store, nowMs, onProgress } = task;
  const keyring = await fittingKeyring(task);
  return report(keyring, await store.keyUses(onProgress), nowMs);
}

/**
 * Puts a fresh key first and drops the keys that nothing needs.
 *
 * @throws StartError when the database was served with none of these keys
 */
export async function rotateKeys(
  task: KeyTask & KeySaver & { readonly randomBytes: RandomBytes },
): Promise<KeyChanges> {
  await fittingKeyring(task);
  const secrets = [task.randomBytes(SECRET_BYTES), ...task.secrets];
  await task.save(secrets);
  return pruneKeys({ ...task, secrets });
}

/**
 * Drops the keys that nothing needs, never the newest.
 *
 * @param task without `save` no key is dropped; those that are not needed may be taken out by hand
 * @throws StartError when the database was served with none of these keys
 */
export async function pruneKeys(task: KeyTask & Partial<KeySaver>): Promise<KeyChanges> {
  const { store, secrets, nowMs, onProgress } = task;
  const keyring = await fittingKeyring(task);
  const { resealedMails, unreadableMails } = await resealInbox(store, keyring);
  await adoptKeyring(store, keyring);
  const { keys: looked, missing } = report(keyring, await store.keyUses(onProgress), nowMs);
  // A mail that is still under an old key now is one that this key does not open.
  const keys = looked.map((key) => ({ ...key, isNeeded: key.isNewest || key.codesUntilMs !== undefined }));
  const unneeded = keys.filter(({ isNeeded }) => !isNeeded);
  const changes = { missing, resealedMails, unreadableMails };
  if (task.save === undefined || unneeded.length === 0) return { ...changes, keys, dropped: [] };
  await task.save(secrets.filter((_, index) => keys[index]?.isNeeded));
  const needed = keys.filter(({ isNeeded }) => isNeeded);
  return { ...changes, keys: needed, dropped: unneeded.map(({ id }) => id) };
}

async function fittingKeyring({ store, secrets, source }: KeyTask): Promise<Keyring> {
  const keyring = new Keyring(secrets);
  if (await fitsKeyring(store, keyring)) return keyring;
  throw new StartError(
    `${source} does not hold the key that the database was last served with: restore that key; codes on their way cannot be read without it`,
  );
}

async function resealInbox(
  store: Store,
  keyring: Keyring,
): Promise<{ readonly resealedMails: number; readonly unreadableMails: number }> {
  const [newest = ""] = keyring.keyIds;
  let resealedMails = 0;
  let unreadableMails = 0;
  for (const { deliveryId, sealed } of await store.listInboxMails(Number.MAX_SAFE_INTEGER)) {
    if (sealed.startsWith(`${newest}.`)) continue;
    let text: string;
    try {
      text = keyring.open(sealed, deliveryId);
    } catch {
      unreadableMails += 1;
      continue;
    }
    await store.resealInboxMail(deliveryId, keyring.seal(text, deliveryId));
    resealedMails += 1;
  }
  return { resealedMails, unreadableMails };
}

function report({ keyIds }: Keyring, uses: readonly KeyUse[], nowMs: number): KeyReport {
  const stateOf = (id: string, isNewest: boolean): KeyState => {
    const use = uses.find(({ keyId }) => keyId === id);
    const untilMs = use?.codesUntilMs;
    // A code can still be used in the millisecond it expires at.
    const codesUntilMs = untilMs !== undefined && untilMs >= nowMs ? untilMs : undefined;
    const inboxMails = use?.inboxMails ?? 0;
    const isNeeded = isNewest || codesUntilMs !== undefined || inboxMails > 0;
    return { id, isNewest, isNeeded, codesUntilMs, inboxMails };
  };
  const absent = uses.map(({ keyId }) => keyId).filter((id) => !keyIds.includes(id));
  return {
    keys: keyIds.map((id, index) => stateOf(id, index === 0)),
    missing: absent.map((id) => stateOf(id, false)).filter(({ isNeeded }) => isNeeded),
  };
}
