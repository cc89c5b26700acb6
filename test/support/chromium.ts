/**
 * A real browser for tests, from npm alone: @sparticuz/chromium carries one for Linux on x64, compressed.
 *
 * It is unpacked once per machine into the temp folder, aside and then renamed, so that test files that run at the same
 * time do not see half of it. Where the system lacks NSS or fonts, the package's own are taken.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { chromium, type Browser } from "playwright-core";

const decompress = promisify(brotliDecompress);
const run = promisify(execFile);

/** Another browser than the one from npm. */
const NAMED = process.env["CHROMIUM_PATH"];

/** Why there is no browser here; undefined when there is one. */
export const noBrowserReason =
  NAMED !== undefined || (process.platform === "linux" && process.arch === "x64")
    ? undefined
    : `npm has no Chromium for ${process.platform} on ${process.arch}: name one in CHROMIUM_PATH`;

/** Closing it takes along what it wrote. */
export async function startBrowser(): Promise<Browser> {
  if (NAMED !== undefined) return chromium.launch({ executablePath: NAMED, args: ["--no-sandbox"] });
  const folder = await unpacked();
  const env: Record<string, string> = { PATH: process.env["PATH"] ?? "", HOME: folder };
  if (!existsSync("/etc/fonts/fonts.conf")) env["FONTCONFIG_PATH"] = join(folder, "fonts");
  const options = {
    executablePath: join(folder, "chromium"),
    args: ["--no-sandbox", "--disable-setuid-sandbox", "--disable-gpu", "--font-render-hinting=none"],
  };
  try {
    return await chromium.launch({ ...options, env });
  } catch (error) {
    if (!String(error).includes("error while loading shared libraries")) throw error;
    return chromium.launch({ ...options, env: { ...env, LD_LIBRARY_PATH: join(folder, "al2023", "lib") } });
  }
}

async function unpacked(): Promise<string> {
  const packed = join(dirname(createRequire(import.meta.url).resolve("@sparticuz/chromium")), "..");
  const { version } = JSON.parse(await readFile(join(packed, "package.json"), "utf8")) as { version: string };
  const folder = join(tmpdir(), `countersign-chromium-${version}-${userInfo().uid}`);
  if (existsSync(folder)) return folder;
  const aside = await mkdtemp(`${folder}-`);
  const content = async (name: string) => decompress(await readFile(join(packed, "bin", `${name}.br`)));
  await writeFile(join(aside, "chromium"), await content("chromium"), { mode: 0o700 });
  for (const name of ["al2023", "fonts"]) {
    const archive = join(aside, `${name}.tar`);
    await writeFile(archive, await content(`${name}.tar`));
    await mkdir(join(aside, name));
    await run("tar", ["--extract", "--file", archive, "--directory", join(aside, name)]);
    await rm(archive);
  }
  try {
    await rename(aside, folder);
  } catch {
    // Another process was first.
    await rm(aside, { recursive: true });
  }
  return folder;
}
