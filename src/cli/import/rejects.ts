/** Where the lines about rejected rows go. */
import { open, type FileHandle } from "node:fs/promises";
import { CommandError } from "../service.ts";
import { printable } from "../table.ts";
import type { RowFault } from "./input-rows.ts";

export interface Rejects {
  add(line: string): void;
  /** Puts on disk what was added before the call. @returns bytes of the file up to there; 0 where there is no file */
  flush(): Promise<number>;
  close(): Promise<void>;
}

/** `row 17 (line 18), email: is missing; given_name: is missing` */
export function rejectLine(
  row: { readonly number: number; readonly line: number },
  faults: readonly RowFault[],
): string {
  const told = faults.map(({ column, problem }) =>
    column === undefined ? problem : `${column}: ${problem}`,
  );
  return printable(`row ${row.number} (line ${row.line}): ${told.join("; ")}`);
}

/** @param write a whole line, with its end */
export function rejectsTo(write: (line: string) => void): Rejects {
  return {
    add: (line) => write(`${line}\n`),
    flush: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
}

/**
 * @param keepBytes what an earlier run wrote there; what lies beyond is written again
 * @throws CommandError when the file cannot be written
 */
export async function rejectsToFile(path: string, keepBytes: number): Promise<Rejects> {
  let pending = "";
  let bytes = keepBytes;
  let queue = Promise.resolve(0);
  let file: FileHandle;
  try {
    file = await open(path, keepBytes === 0 ? "w" : "r+", 0o600);
    await file.truncate(keepBytes);
  } catch (error) {
    throw unwritable(path, error);
  }
  const write = async (text: string): Promise<number> => {
    try {
      const content = Buffer.from(text);
      await file.write(content, 0, content.length, bytes);
      await file.datasync();
      bytes += content.length;
      return bytes;
    } catch (error) {
      throw unwritable(path, error);
    }
  };
  return {
    add(line) {
      pending += `${line}\n`;
    },
    flush() {
      const text = pending;
      pending = "";
      queue = queue.then((written) => (text === "" ? Math.max(written, bytes) : write(text)));
      return queue;
    },
    close: () => file.close(),
  };
}

function unwritable(path: string, error: unknown): CommandError {
  const { code = "unknown error" } = error as NodeJS.ErrnoException;
  return new CommandError(`--rejected ${path} cannot be written (${code})`);
}
