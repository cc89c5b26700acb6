/** How far an import came, in a small file: enough to go on after any end, and nobody's address. */
import { open, readFile, rename, rm } from "node:fs/promises";
import * as v from "valibot";
import { CommandError } from "../service.ts";
import type { DoneState } from "./done-rows.ts";

/** What became of the rows, over all runs of the import. */
export interface Counts {
  /** Rows that became a user. */
  readonly added: number;
  /** Rows whose user was there already, with the same address. */
  readonly alreadyThere: number;
  readonly rejected: number;
}

export interface Checkpoint {
  /** What has to be the same when the import goes on, for people to read. */
  readonly settings: Readonly<Record<string, string>>;
  readonly done: DoneState;
  readonly counts: Counts;
  /** Bytes of the file with the rejected rows that belong to this state. */
  readonly rejectedBytes: number;
}

const FORMAT = "countersign import 1";
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const schema = v.object({
  format: v.literal(FORMAT),
  settings: v.record(v.string(), v.string()),
  done: v.object({ upTo: count, checksum: count, beyond: v.array(count) }),
  counts: v.object({ added: count, alreadyThere: count, rejected: count }),
  rejectedBytes: count,
});

/** @returns undefined where there is none @throws CommandError */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(path, "read", error);
  }
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    throw new CommandError(
      `${path} is no checkpoint of an import: delete it, or name another with --checkpoint`,
    );
  }
}

/** Replaces the file as a whole: whenever the process ends, there is the old state or the new one. @throws CommandError */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const aside = `${path}.new`;
  try {
    const file = await open(aside, "w", 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ format: FORMAT, ...checkpoint })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    throw unusable(path, "written", error);
  }
}

export async function removeCheckpoint(path: string): Promise<void> {
  await rm(path, { force: true });
}

function unusable(path: string, what: "read" | "written", error: unknown): CommandError {
  const { code = "unknown error" } = error as NodeJS.ErrnoException;
  return new CommandError(
    `the checkpoint ${path} cannot be ${what} (${code}): --checkpoint names another place`,
  );
}
