/** Files for few eyes only, such as keys and tokens. */
import { open, realpath, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { StartError } from "../observability/start-error.ts";

const OWNER_ONLY = 0o600;
const PERMISSION_BITS = 0o777;

/**
 * Writes the file, readable by its owner only, so that neither a killed process nor a power cut leaves a part of it:
 * when this resolves it is on disk, and before that the old file, if any, is what there is.
 */
export function writePrivateFile(path: string, text: string): Promise<void> {
  return replace(path, text, async (file) => file.chmod(OWNER_ONLY));
}

/**
 * Replaces a file that is there in the same way, and leaves it to whom it belonged: root may do this for the service's
 * own user. Where the path is a link, the file behind it is replaced.
 *
 * @param permissions "owner only" for a file that Countersign made, "as before" for one that somebody else looks after
 * @throws StartError when this user may not give the new file to the owner of the old one
 */
export async function replacePrivateFile(
  path: string,
  text: string,
  permissions: "owner only" | "as before",
): Promise<void> {
  const target = await realpath(path);
  const { uid, gid, mode } = await stat(target);
  await replace(target, text, async (file) => {
    const fresh = await file.stat();
    if (fresh.uid !== uid || fresh.gid !== gid) {
      await file.chown(uid, gid).catch((error: unknown) => {
        throw new StartError(
          `${path} belongs to user ${uid} and group ${gid}, and this user cannot hand a new file over to them: run this as that user, or as root`,
          { cause: error },
        );
      });
    }
    // After the owner: until then only this user may read it.
    await file.chmod(permissions === "owner only" ? OWNER_ONLY : mode & PERMISSION_BITS);
  });
}

async function replace(
  path: string,
  text: string,
  prepare: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.new`;
  // What a run that died left behind might have another mode.
  await rm(temporary, { force: true });
  try {
    const file = await open(temporary, "wx", OWNER_ONLY);
    try {
      await file.writeFile(text);
      await prepare(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // It may hold a key that nobody has any use for.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
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
