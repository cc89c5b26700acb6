import { randomBytes } from "node:crypto";
import {
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
  chownSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { StartError } from "../../../src/observability/start-error.ts";
import { makeKeyFile, parseKeys, readKeyFile, replaceKeyFile } from "../../../src/store/key-file.ts";
import { temporaryFolders } from "../../contract/temporary.ts";

const NEW = Buffer.alloc(32, 0xfb);
const OLD = Buffer.alloc(32, 2);
const [newText, oldText] = [NEW.toString("base64"), OLD.toString("base64")];

const temporaryFolder = temporaryFolders();

describe("what a key file may hold", () => {
  test.each([
    ["a key a line", `${newText}\n${oldText}\n`],
    ["no line break at the end", `${newText}\n${oldText}`],
    ["line breaks of Windows", `${newText}\r\n${oldText}\r\n`],
    ["blank lines and blanks", `\n  ${newText} \n\n\t${oldText}\n\n`],
    ["commas, as in the variable", `${newText},${oldText}`],
    ["base64url without padding", `${NEW.toString("base64url")}\n${OLD.toString("base64url")}\n`],
  ])("%s", (_, text) => {
    expect(parseKeys(text, "secret.key")).toEqual([NEW, OLD]);
  });

  test.each([
    ["nothing", "", "secret.key holds no key; "],
    ["blanks", " \n\n", "secret.key holds no key; "],
    [
      "a short key",
      `${newText}\n\n${oldText.slice(4)}\n`,
      "secret.key, line 3: not a key of 32 bytes in base64; ",
    ],
    ["a long key", `${newText}${oldText}`, "secret.key, line 1: not a key of 32 bytes in base64; "],
    ["a comment", `# newest first\n${newText}\n`, "secret.key, line 1: not a key of 32 bytes in base64; "],
    [
      "a part of a key",
      `${newText}\n${oldText.slice(0, 20)}`,
      "secret.key, line 2: not a key of 32 bytes in base64; ",
    ],
    [
      "a key twice",
      `${newText}\n${oldText}\n${newText}\n`,
      "secret.key, line 3: the same key as on line 1; ",
    ],
    [
      "NUL characters, as a lost write leaves",
      "\0".repeat(45),
      "secret.key, line 1: not a key of 32 bytes in base64; ",
    ],
  ])("not %s", (_, text, problem) => {
    expect(() => parseKeys(text, "secret.key")).toThrow(StartError);
    expect(() => parseKeys(text, "secret.key")).toThrow(problem);
  });

  test("any text is either keys of 32 bytes or a problem that does not quote it", () => {
    const line = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.constant(newText),
      fc.constant("hunter2hunter2"),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          const keys = parseKeys(lines.join("\n"), "secret.key");
          expect(keys.length).toBeGreaterThan(0);
          for (const key of keys) expect(key).toHaveLength(32);
        } catch (error) {
          expect(error).toBeInstanceOf(StartError);
          expect((error as Error).message).toMatch(
            /^secret\.key(, line \d+: (not a key of 32 bytes in base64|the same key as on line \d+)| holds no key); [a-z ]+$/,
          );
        }
      }),
    );
  });
});

test("a file that is not there is undefined, one that cannot be read an error", async () => {
  const folder = temporaryFolder();
  expect(await readKeyFile(join(folder, "secret.key"))).toBeUndefined();
  await expect(readKeyFile(folder)).rejects.toMatchObject({ code: "EISDIR" });
});

test("a first key is fresh, and for its owner only", async () => {
  const path = join(temporaryFolder(), "secret.key");
  const [key, ...more] = await makeKeyFile(path, randomBytes);
  expect(more).toEqual([]);
  expect(await readKeyFile(path)).toEqual([key]);
  expect(modeOf(path)).toBe(0o600);
});

describe("replacing", () => {
  test("our own file becomes its owner's only, another's file keeps its mode", async () => {
    for (const [permissions, mode] of [
      ["owner only", 0o600],
      ["as before", 0o640],
    ] as const) {
      const path = fileWith(oldText);
      chmodSync(path, 0o640);
      await replaceKeyFile(path, [NEW, OLD], permissions);
      expect([permissions, modeOf(path)]).toEqual([permissions, mode]);
      expect(readFileSync(path, "utf8")).toBe(`${newText}\n${oldText}\n`);
      expect(readdirSync(join(path, ".."))).toEqual(["secret.key"]);
    }
  });

  // Root does this for the service's user, who has to be able to read the file afterwards.
  (process.getuid?.() === 0 ? test : test.skip)("the file stays its owner's", async () => {
    const path = fileWith(oldText);
    chownSync(path, 1234, 4321);
    await replaceKeyFile(path, [NEW], "owner only");
    expect(statSync(path)).toMatchObject({ uid: 1234, gid: 4321 });
  });

  test("behind a link, the file is replaced and not the link", async () => {
    const path = fileWith(oldText);
    const link = join(temporaryFolder(), "link.key");
    symlinkSync(path, link);
    await replaceKeyFile(link, [NEW], "as before");
    expect(await readKeyFile(path)).toEqual([NEW]);
    expect(await readKeyFile(link)).toEqual([NEW]);
  });

  test("what a run that died left behind is in nobody's way", async () => {
    const path = fileWith(oldText);
    writeFileSync(`${path}.new`, "half a k", { mode: 0o644 });
    await replaceKeyFile(path, [NEW], "owner only");
    expect(await readKeyFile(path)).toEqual([NEW]);
    expect(modeOf(path)).toBe(0o600);
    expect(readdirSync(join(path, ".."))).toEqual(["secret.key"]);
  });

  test("where it fails the old file is as it was, and no key lies about", async () => {
    const path = fileWith(oldText);
    // Nothing is renamed onto a folder.
    const folder = temporaryFolder();
    await expect(replaceKeyFile(folder, [NEW], "owner only")).rejects.toThrow();
    expect(readdirSync(join(folder, "..")).filter((name) => name.endsWith(".new"))).toEqual([]);
    await expect(replaceKeyFile(join(path, "..", "none"), [NEW], "owner only")).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(readdirSync(join(path, ".."))).toEqual(["secret.key"]);
  });
});

function fileWith(text: string): string {
  const path = join(temporaryFolder(), "secret.key");
  writeFileSync(path, text);
  return path;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}
