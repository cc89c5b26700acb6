// Files for settings that name one. They are gone when the tests of the importing file are over.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "@jest/globals";

let directory: string;
let count = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "countersign-config-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** @returns its path */
export function fileWith(content: string): string {
  const path = join(directory, `file-${++count}`);
  writeFileSync(path, content);
  return path;
}
