/** Files that settings name. */
import { readFileSync } from "node:fs";
import { Fault } from "./parsed.ts";

export function readText(path: string): string | Fault {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // Not the error's message, which holds the path: it could be a key, put into the wrong variable.
    return new Fault(
      `names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`,
    );
  }
}
