// How far an import is, as people see it, and where its rejected rows are told.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCheckpoint, removeCheckpoint, writeCheckpoint } from "../../../../src/cli/import/checkpoint.ts";
import { describe as inWords, durationText, Progress } from "../../../../src/cli/import/progress.ts";
import { rejectLine, rejectsToFile } from "../../../../src/cli/import/rejects.ts";

const ERASE_LINE = "\r\u001B[2K";
const START = { rows: 0, rejected: 0, part: 0 };

test.each([
  [
    { rows: 412_031, rejected: 12, part: 0.41 },
    START,
    100_000,
    "41 %  412,031 rows  4,120 rows/s  12 rejected  2:24 left",
  ],
  // What earlier runs did says nothing of the speed, and nothing of the time that is left.
  [
    { rows: 900, rejected: 0, part: 0.9 },
    { rows: 800, rejected: 0, part: 0.8 },
    1_000,
    "90 %  900 rows  100 rows/s  0 rejected  0:01 left",
  ],
  [{ rows: 5, rejected: 1, part: undefined }, START, 1_000, "5 rows  5 rows/s  1 rejected"],
  [START, START, 0, "0 %  0 rows  0 rows/s  0 rejected"],
])("%j after %j", (now, start, elapsedMs, expected) => {
  expect(inWords(now, start, elapsedMs)).toBe(expected);
});

test.each([
  [400, "0:00"],
  [59_600, "1:00"],
  [190_000, "3:10"],
  [3_723_000, "1:02:03"],
])("%d ms are %s", (ms, expected) => {
  expect(durationText(ms)).toBe(expected);
});

describe("progress", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function watch(isTTY: boolean, columns?: number) {
    const written: string[] = [];
    const out = {
      isTTY,
      ...(columns !== undefined && { columns }),
      write: (text: string) => written.push(text),
    };
    return { written, progress: new Progress(out, () => ({ rows: 7, rejected: 0, part: 0.5 })) };
  }

  test("is a bar in one line of a terminal; what is said stands above it", () => {
    const { written, progress } = watch(true, 60);
    jest.advanceTimersByTime(200);
    progress.say("row 1: is missing\n");
    jest.advanceTimersByTime(200);
    progress.end();
    const [bar = "", erased, said, again, gone] = written;
    expect(bar.startsWith(`${ERASE_LINE}[============            ] 50 %  7 rows`)).toBe(true);
    expect(bar.length - ERASE_LINE.length).toBe(59);
    expect([erased, said, gone]).toEqual([ERASE_LINE, "row 1: is missing\n", ERASE_LINE]);
    expect(again).toContain("50 %");
    expect(written).toHaveLength(5);
  });

  test("is a line now and then where there is no terminal", () => {
    const { written, progress } = watch(false);
    jest.advanceTimersByTime(25_000);
    progress.end();
    expect(written).toEqual([
      expect.stringMatching(/^50 % {2}7 rows .*\n$/),
      expect.stringMatching(/^50 % {2}7 rows .*\n$/),
    ]);
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "countersign-import-files-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("rejected rows are told one a line, whatever is in them", async () => {
    const path = join(folder, "rejected");
    const first = await rejectsToFile(path, 0);
    first.add(rejectLine({ number: 1, line: 2 }, [{ column: "email", problem: "is missing" }]));
    const kept = await first.flush();
    first.add("beyond what the checkpoint knows of");
    await first.flush();
    await first.close();
    const second = await rejectsToFile(path, kept);
    second.add(rejectLine({ number: 9, line: 12 }, [{ column: undefined, problem: "\u001B[2J\nbroken" }]));
    await second.flush();
    await second.close();
    expect(await readFile(path, "utf8")).toBe(
      "row 1 (line 2): email: is missing\nrow 9 (line 12): ?[2J broken\n",
    );
  });

  test("a file that cannot be written is told by its name", async () => {
    await expect(rejectsToFile(join(folder, "nowhere/rejected"), 0)).rejects.toThrow(
      /^--rejected .*nowhere\/rejected cannot be written \(ENOENT\)$/,
    );
  });

  const checkpoint = {
    settings: { "--format": "csv" },
    done: { upTo: 3, checksum: 7, beyond: [5] },
    counts: { added: 3, alreadyThere: 1, rejected: 0 },
    rejectedBytes: 10,
  };

  test("a checkpoint is read as it was written, by its owner alone, and removed", async () => {
    const path = join(folder, "checkpoint");
    expect(await readCheckpoint(path)).toBeUndefined();
    await writeCheckpoint(path, checkpoint);
    await writeCheckpoint(path, checkpoint);
    expect(await readCheckpoint(path)).toMatchObject(checkpoint);
    await removeCheckpoint(path);
    expect(await readCheckpoint(path)).toBeUndefined();
  });

  test.each([
    ["no JSON", "{"],
    ["JSON of something else", '{"format":"countersign import 1"}'],
    ["a checkpoint of another version", JSON.stringify({ ...checkpoint, format: "countersign import 2" })],
  ])("%s is no checkpoint", async (_, text) => {
    const path = join(folder, "other");
    await writeFile(path, text);
    await chmod(path, 0o600);
    await expect(readCheckpoint(path)).rejects.toThrow(
      `${path} is no checkpoint of an import: delete it, or name another with --checkpoint`,
    );
  });
});
