// esbuild in a process of its own: its library tells typed arrays by their class, and jest's are of another realm.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Run as it is: the installation may have put the native program in the script's place. */
const ESBUILD = fileURLToPath(new URL("../../node_modules/.bin/esbuild", import.meta.url));
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** @returns what it printed: the bundle, unless `--outfile` is among the arguments */
export async function esbuild(...commandLine: string[]): Promise<string> {
  const options = { cwd: ROOT, maxBuffer: MAX_OUTPUT_BYTES };
  const { stdout } = await promisify(execFile)(
    ESBUILD,
    [...commandLine, "--bundle", "--log-level=warning"],
    options,
  );
  return stdout;
}
