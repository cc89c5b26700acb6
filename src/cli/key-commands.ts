/** What `countersign keys` does: opens the database, reads the keys from where they are, and changes them. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { StartError } from "../observability/start-error.ts";
import { readKeyFile, replaceKeyFile, storedKeyId } from "../store/key-file.ts";
import { inspectKeys, pruneKeys, rotateKeys, type KeyChanges, type KeyTask } from "../store/key-rotation.ts";
import type { Store } from "../store/store.ts";
import { openKeyDatabase } from "./key-database.ts";

export type KeyCommandName = "rotate" | "list" | "prune";

export type KeySource =
  | { readonly kind: "file"; readonly path: string; readonly isOurs: boolean }
  | { readonly kind: "variable"; readonly name: string };

export interface KeyCommandResult extends KeyChanges {
  readonly command: KeyCommandName;
  readonly source: KeySource;
  /** Whether several instances may have the keys, each a copy of its own. */
  readonly isShared: boolean;
  /** Id of the fresh key. */
  readonly added: string | undefined;
  /** Why the operator has to do the rest; undefined when all is done. */
  readonly byHand: string | undefined;
}

export interface KeyCommandOptions {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly onProgress?: (users: number) => void;
}

const NOTHING_CHANGED = { added: undefined, dropped: [], resealedMails: 0, unreadableMails: 0 };

/** @throws StartError for what the operator can change; Error with node's code for files that cannot be used */
export async function runKeyCommand(
  command: KeyCommandName,
  config: Config,
  options: KeyCommandOptions,
): Promise<KeyCommandResult> {
  const source = sourceOf(config);
  // Keys of a variable are not rotated: only what has to be done is found out.
  const isLook = command === "list" || (command === "rotate" && source.kind === "variable");
  const database = await openKeyDatabase(config, isLook ? "look" : "change");
  const { store, assertAlone } = database;
  try {
    const task = {
      store,
      secrets: await readSecrets(config, source, store),
      source: sourceName(source),
      assertAlone,
      ...options,
    };
    const done = await runOn(command, source, task);
    return { command, source, isShared: config.postgres !== undefined, ...done };
  } finally {
    await database.close();
  }
}

export function sourceName(source: KeySource): string {
  return source.kind === "file" ? source.path : source.name;
}

type Done = Omit<KeyCommandResult, "command" | "source" | "isShared">;
type Task = KeyTask & { readonly assertAlone: () => Promise<void> };

async function runOn(command: KeyCommandName, source: KeySource, task: Task): Promise<Done> {
  switch (command) {
    case "list":
      return { ...NOTHING_CHANGED, ...(await inspectKeys(task)), byHand: undefined };
    case "rotate":
      return rotate(source, task);
    case "prune":
      return prune(source, task);
  }
}

async function rotate(source: KeySource, task: Task): Promise<Done> {
  const unchanged = async (byHand: string): Promise<Done> => ({
    ...NOTHING_CHANGED,
    ...(await inspectKeys(task)),
    byHand,
  });
  if (source.kind === "variable") return unchanged(ofVariable(source.name));
  let saved = false;
  const save = async (secrets: readonly Uint8Array[]) => {
    await task.assertAlone();
    await saveTo(source, secrets);
    saved = true;
  };
  try {
    const changes = await rotateKeys({ ...task, save, randomBytes });
    return { ...changes, added: changes.keys[0]?.id, byHand: undefined };
  } catch (error) {
    if (error instanceof CannotSave && !saved) return unchanged(error.message);
    throw error;
  }
}

async function prune(source: KeySource, task: Task): Promise<Done> {
  if (source.kind === "variable") {
    const changes = await pruneKeys(task);
    const isDone = changes.keys.every(({ isNeeded }) => isNeeded);
    return { ...changes, added: undefined, byHand: isDone ? undefined : ofVariable(source.name) };
  }
  const save = async (secrets: readonly Uint8Array[]) => {
    await task.assertAlone();
    await saveTo(source, secrets);
  };
  const changes = await pruneKeys({ ...task, save });
  return { ...changes, added: undefined, byHand: undefined };
}

function ofVariable(name: string): string {
  return `the keys come from ${name}, which a command cannot change`;
}

/** The file stayed as it was. */
class CannotSave extends StartError {}

async function saveTo(
  { path, isOurs }: Extract<KeySource, { kind: "file" }>,
  secrets: readonly Uint8Array[],
): Promise<void> {
  try {
    await replaceKeyFile(path, secrets, isOurs ? "owner only" : "as before");
  } catch (error) {
    const reason = error instanceof StartError ? error.message : (error as NodeJS.ErrnoException).code;
    throw new CannotSave(`${path} cannot be replaced (${reason ?? "unknown error"})`, { cause: error });
  }
}

function sourceOf(config: Config): KeySource {
  if (config.secretKeyFile !== undefined) return { kind: "file", path: config.secretKeyFile, isOurs: false };
  if (config.secretKeys !== undefined) return { kind: "variable", name: "COUNTERSIGN_SECRET_KEY" };
  return { kind: "file", path: join(config.dataDir, "secret.key"), isOurs: true };
}

/** A file is read once the database is open, whatever was read of it before. */
async function readSecrets(config: Config, source: KeySource, store: Store): Promise<readonly Uint8Array[]> {
  if (source.kind === "variable") return (config.secretKeys ?? []).map((secret) => secret.reveal());
  const secrets = await readKeyFile(source.path);
  if (secrets !== undefined) return secrets;
  throw new StartError(
    (await storedKeyId(store)) === undefined
      ? `there is no ${source.path} yet: the first start of the service makes it`
      : `${source.path} is missing, and the database was written with its key: restore the file from the backup`,
  );
}
