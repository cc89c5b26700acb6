/**
 * The keys that codes are sealed with: from the settings, else from a file in the data directory, which the first start
 * makes. A database knows its key: with another one, or with the file lost, there is no start, because codes on their
 * way could no longer be read.
 */
import { join } from "node:path";
import type { Config } from "../config.ts";
import { StartError } from "../observability/start-error.ts";
import { adoptKeyring, makeKeyFile, readKeyFile, storedKeyId } from "../store/key-file.ts";
import { Keyring } from "../store/keyring.ts";
import type { Store } from "../store/store.ts";
import type { OpenStore } from "./open-store.ts";
import type { Sources } from "./sources.ts";

/** @throws StartError where there is no usable key, or not the one that the database was written with */
export async function loadKeyring(
  config: Config,
  { store, databaseName }: OpenStore,
  { randomBytes }: Sources,
): Promise<Keyring> {
  const path = join(config.dataDir, "secret.key");
  const configured = config.secretKeys?.map((secret) => secret.reveal());
  const secrets = configured ?? (await readKeyFile(path)) ?? (await makeFirstKey(path, store, randomBytes));
  const source = configured === undefined ? path : "COUNTERSIGN_SECRET_KEY";
  let keyring: Keyring;
  try {
    keyring = new Keyring(secrets, randomBytes);
  } catch (error) {
    throw new StartError(`${source} holds no usable key: ${String(error)}`, { cause: error });
  }
  if (!(await adoptKeyring(store, keyring))) {
    throw new StartError(
      `${source} does not hold the key that ${databaseName} was written with: restore that key; codes on their way cannot be read without it`,
    );
  }
  return keyring;
}

async function makeFirstKey(
  path: string,
  store: Store,
  randomBytes: Sources["randomBytes"],
): Promise<Buffer[]> {
  if ((await storedKeyId(store)) !== undefined) {
    throw new StartError(
      `${path} is missing, and the database was written with its key: restore the file from the backup`,
    );
  }
  return makeKeyFile(path, randomBytes);
}
