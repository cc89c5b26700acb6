/** Files for the owner's eyes only, such as keys and tokens. */
import { open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

const OWNER_ONLY = 0o600;

/**
 * Writes the file so that neither a killed process nor a power cut leaves a part of it: when this resolves it is on disk,
 * and before that the old file, if any, is what there is.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  // What a start that died left behind might have another mode.
  await rm(temporary, { force: true });
  await writeFile(temporary, text, { mode: OWNER_ONLY, flush: true });
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** So that the name lasts, too. */
async function syncFolder(path: string): Promise<void> {
  // Windows knows no such thing.
  if (process.platform === "win32") return;
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
