// `countersign user import`, run as a command: what becomes of each row, and of rows when something ends in the midst.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { addRow } from "../../src/cli/import/add-row.ts";
import { createCountersignClient } from "../../src/client/node-client.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { runCommand, type CommandResult } from "../support/command.ts";
import { serverProcesses } from "../support/server-process.ts";

jest.setTimeout(120_000);

/** A line every ten seconds, on a slow machine. */
const NOTHING_BUT_PROGRESS: unknown = expect.stringMatching(/^(?:[^\n]* rows\/s[^\n]*\n)*$/);

const ENTRY = fileURLToPath(new URL("../support/serve-from-source.ts", import.meta.url));
const HEADER = "email,given_name,family_name,user_id,verified";

let folder: string;
let application: TestApplication;
const startServer = serverProcesses();
const children = new Set<ChildProcess>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-import-"));
  application = await startTestApplication({ env: { COUNTERSIGN_SEND_COOLDOWN: "1s" } });
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});
afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

let files = 0;

async function fileOf(extension: string, content: string | Uint8Array): Promise<string> {
  files += 1;
  const path = join(folder, `${files}.${extension}`);
  await writeFile(path, content);
  return path;
}

function run(path: string, ...args: string[]): Promise<CommandResult> {
  return runCommand([
    "user",
    "import",
    path,
    "--url",
    application.url,
    "--data-dir",
    application.dataDir,
    ...args,
  ]);
}

/** Of an import without an interruption. */
function countsOf({ stdout }: CommandResult): unknown {
  const { rows, added, alreadyThere, rejected, finished } = JSON.parse(stdout) as Record<string, unknown>;
  return { rows, added, alreadyThere, rejected, finished };
}

/** Users by their ids, straight from the database. */
function usersIn(dataDir: string, prefix: string): string[] {
  const database = new Database(join(dataDir, "countersign.db"), { readonly: true });
  try {
    const rows = database.prepare("SELECT id FROM users WHERE id GLOB ?").all(`${prefix}*`);
    return (rows as { id: string }[]).map(({ id }) => id);
  } finally {
    database.close();
  }
}

function rowsOf(prefix: string, from: number, to: number): string {
  let text = "";
  for (let number = from; number < to; number++) {
    // Some that are refused here, and some that the service refuses.
    const given = number % 500 === 7 ? "" : `Given ${number}`;
    const username = number % 500 === 8 ? `${prefix}-1@example.org` : `${prefix}-${number}@example.org`;
    text += `${JSON.stringify({ user_id: `${prefix}-${number}`, email: `${prefix}-${number}@example.org`, username, given_name: given, family_name: "F" })}\n`;
  }
  return text;
}

const isRefused = (number: number) => number % 500 === 7 || number % 500 === 8;

function accepted(prefix: string, to: number): string[] {
  const numbers = Array.from({ length: to }, (_, number) => number);
  return numbers.filter((number) => !isRefused(number)).map((number) => `${prefix}-${number}`);
}

describe("rows", () => {
  test("hostile ones are told one a line, and cost no other", async () => {
    const lines = [
      `\uFEFF${HEADER}\r\n`,
      "csv-1@example.org,Ada,One,csv-1,true\r\n",
      "\r\n",
      "csv-1@example.org,Ada,One,csv-1,true\r\n",
      "nowhere,Ada,Two,csv-2,\r\n",
      ",,,,\r\n",
      "csv-3@example.org,Ada\r\n",
      'csv-4@example.org,"A ""quoted"", name\r\nover lines",Four,csv-4,\r\n',
      'csv-5@example.org,Fi"ve,Five,csv-5,\r\n',
      "csv-6@example.org,Ada,Six,csv-6,perhaps\r\n",
      "csv-1@example.org,Augusta,One,csv-1,true\r\n",
      "csv-1@example.org,Ada,One,csv-other,true\r\n",
    ];
    const bytes = Buffer.concat([
      Buffer.from(lines.join("")),
      Buffer.from("csv-7@example.org,S"),
      Buffer.from([0xff]),
      Buffer.from(",Seven,csv-7,\r\ncsv-8@example.org,Ada,Eight,csv-8,"),
    ]);
    const path = await fileOf("csv", bytes);
    const result = await run(path, "--concurrency", "1");
    expect(result.stderr.split("\n")).toEqual([
      `row 3 (line 5): email: "***" is no address: missing '@' or angle-addr`,
      "row 4 (line 6): email: is missing; given_name: is missing; family_name: is missing",
      "row 5 (line 7): has 2 fields, and the header 5",
      "row 6 (line 8): given_name: takes no control characters",
      'row 7 (line 10): has a quote (") within a field that does not begin with one',
      "row 8 (line 11): verified: is not true or false",
      "row 9 (line 12): user_id: is that of a user who is there already with another given_name",
      "row 10 (line 13): username: is taken: there is a user with this username (without one: this address)",
      "row 11 (line 14): given_name: is not UTF-8",
      "",
    ]);
    expect(result.code).toBe(3);
    expect(countsOf(result)).toEqual({ rows: 12, added: 2, alreadyThere: 1, rejected: 9, finished: true });
    expect(usersIn(application.dataDir, "csv-").toSorted()).toEqual(["csv-1", "csv-8"]);
    expect(existsSync(`${path}.import-checkpoint`)).toBe(false);

    const again = await run(path);
    expect(countsOf(again)).toEqual({ rows: 12, added: 0, alreadyThere: 3, rejected: 9, finished: true });
  });

  test("without ids the same rows are the same users", async () => {
    const rows = ["a", "b", "A"].map((name) =>
      JSON.stringify({ email: `${name}@ids.example.org`, givenName: "G", familyName: "F" }),
    );
    const path = await fileOf("jsonl", rows.join("\n"));
    expect(countsOf(await run(path))).toMatchObject({ added: 2, alreadyThere: 1 });
    expect(countsOf(await run(path))).toMatchObject({ added: 0, alreadyThere: 3 });
  });

  test("are only looked at in a dry run, which needs no service", async () => {
    const path = await fileOf("csv", `${HEADER}\ndry-1@example.org,A,B,dry-1,\n,A,B,dry-2,\n`);
    const rejected = join(folder, "dry-rejected");
    const args = ["user", "import", path, "--dry-run", "--rejected", rejected, "--no-json"];
    const result = await runCommand(args, { env: { COUNTERSIGN_URL: "http://127.0.0.1:1" } });
    expect(result).toMatchObject({ code: 3, stderr: NOTHING_BUT_PROGRESS });
    expect(result.stdout).toMatch(
      /^2 rows: 1 can be sent, 1 rejected, nothing was added: this was a dry run; 0:0\d\n.*dry-rejected says what is wrong/,
    );
    expect(await readFile(rejected, "utf8")).toBe("row 2 (line 3): email: is missing\n");
    expect(usersIn(application.dataDir, "dry-")).toEqual([]);
  });

  test("that a limit holds up are sent again after the time that the service names", async () => {
    const path = await fileOf(
      "csv",
      "email,given_name,family_name,user_id,username\nlimit@example.org,A,B,limit-1,limit-1\nlimit@example.org,A,B,limit-2,limit-2\n",
    );
    const result = await run(path, "--send-code");
    expect(result).toMatchObject({ code: 0, stderr: NOTHING_BUT_PROGRESS });
    expect(countsOf(result)).toMatchObject({ added: 2 });
  });

  test("an organization that a row names and that is not there costs that row alone", async () => {
    const path = await fileOf(
      "csv",
      "email,given_name,family_name,user_id,organization\no1@example.org,A,B,org-1,none\no2@example.org,A,B,org-2,\n",
    );
    const result = await run(path);
    expect(result).toMatchObject({
      code: 3,
      stderr: "row 1 (line 2): organization: Organisation doesn't exist (AUTH-Bs7Ds)\n",
    });
    expect(usersIn(application.dataDir, "org-")).toEqual(["org-2"]);
  });
});

describe("inputs that cannot be imported", () => {
  test.each<[string, string | undefined, string[], number, RegExp]>([
    ["no such file", undefined, [], 2, /^countersign: cannot read \S+ \(ENOENT\)\n$/],
    ["no format", "x", ["--format", "xml"], 2, /Allowed choices are csv, ndjson/],
    ["no header", "", [], 2, /^countersign: the input is empty: CSV begins with a header\n$/],
    [
      "a header without a column",
      "email\n",
      [],
      2,
      /^countersign: the header lacks given_name, family_name\n$/,
    ],
    ["two wishes", `${HEADER}\n`, ["--verified", "--send-code"], 2, /cannot be used with/],
    [
      "no checkpoint's place",
      `${HEADER}\nc@example.org,A,B,place-1,\n`,
      ["--checkpoint", "/nowhere/x"],
      1,
      /^countersign: the checkpoint \/nowhere\/x cannot be written \(ENOENT\): --checkpoint names another place\n$/,
    ],
  ])("%s", async (_, content, args, code, message) => {
    const path = content === undefined ? join(folder, "none.csv") : await fileOf("csv", content);
    const result = await run(path, ...args);
    expect(result.stderr).toMatch(message);
    expect(result).toMatchObject({ code, stdout: "" });
    expect(existsSync(`${path}.import-checkpoint`)).toBe(false);
  });

  test("a quote that is never closed: what stands before is done, and the mended file goes on from there", async () => {
    const before = `${HEADER}\nq1@example.org,A,B,quote-1,\n`;
    const path = await fileOf("csv", `${before}q2@example.org,"A,B,quote-2,\nq3@example.org,A,B,quote-3,\n`);
    const result = await run(path);
    expect(result).toMatchObject({
      code: 1,
      stderr: `countersign: ${path}: the row on line 3 never ends: is a quote (") opened there and not closed? What stands before it is done (1 row); mend it, and give the same command with --resume to go on\n`,
    });
    expect(usersIn(application.dataDir, "quote-")).toEqual(["quote-1"]);
    await writeFile(path, `${before}q2@example.org,"A",B,quote-2,\nq3@example.org,A,B,quote-3,\n`);
    const resumed = await run(path, "--resume");
    expect(countsOf(resumed)).toEqual({ rows: 3, added: 3, alreadyThere: 0, rejected: 0, finished: true });
  });
});

/** An import that reads from a pipe: how far it comes is the test's to say. */
class PipedImport {
  readonly checkpoint: string;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";

  constructor(checkpoint: string, url: string, dataDir: string, args: readonly string[]) {
    this.checkpoint = checkpoint;
    this.#child = spawn(
      process.execPath,
      [
        ENTRY,
        "user",
        "import",
        "-",
        "--format",
        "ndjson",
        "--url",
        url,
        "--data-dir",
        dataDir,
        "--checkpoint",
        checkpoint,
        ...args,
      ],
      { stdio: ["pipe", "pipe", "pipe"], env: { PATH: process.env["PATH"] } },
    );
    children.add(this.#child);
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
  }

  write(rows: string): void {
    this.#child.stdin?.write(rows);
  }

  /** Waits until the checkpoint tells of so many rows. */
  async reaches(rows: number): Promise<void> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`the import ended: ${this.#stderr}`);
      const text = existsSync(this.checkpoint) ? await readFile(this.checkpoint, "utf8") : "";
      const counts = text === "" ? {} : (JSON.parse(text) as { counts: Record<string, number> }).counts;
      if (Object.values(counts).reduce((sum, count) => sum + count, 0) >= rows) return;
      await sleep(20);
    }
  }

  async end(how: NodeJS.Signals | "input"): Promise<CommandResult> {
    const closed = once(this.#child, "close");
    if (how === "input") this.#child.stdin?.end();
    else this.#child.kill(how);
    const [code, signal] = (await closed) as [number | null, NodeJS.Signals | null];
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
  }
}

describe("an import that is interrupted", () => {
  const ALL = 5_000;

  test("by Ctrl-C, then by kill -9, is resumed twice and doubles and loses nothing", async () => {
    const checkpoint = join(folder, "resumed.checkpoint");
    const rejected = join(folder, "resumed.rejected");
    const start = (...args: string[]) =>
      new PipedImport(checkpoint, application.url, application.dataDir, ["--rejected", rejected, ...args]);

    const first = start();
    first.write(rowsOf("piped", 0, 2_000));
    await first.reaches(2_000);
    first.write(rowsOf("piped", 2_000, 2_100));
    const interrupted = await first.end("SIGINT");
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toMatch(
      /^stopping, once the calls under way are answered\ncountersign: interrupted after 2,\d{3} rows; give the same command with --resume to go on\n$/,
    );
    expect(JSON.parse(interrupted.stdout)).toMatchObject({ finished: false });

    const second = start("--resume");
    second.write(rowsOf("piped", 0, 4_000));
    await second.reaches(3_500);
    expect(await second.end("SIGKILL")).toMatchObject({ signal: "SIGKILL" });

    const third = start("--resume");
    third.write(rowsOf("piped", 0, ALL));
    const result = await third.end("input");
    const refused = Array.from({ length: ALL }, (_, number) => number).filter(isRefused);
    expect(result).toMatchObject({ code: 3, stderr: NOTHING_BUT_PROGRESS });
    const { added, alreadyThere, ...counts } = countsOf(result) as Record<string, number>;
    expect(counts).toEqual({ rows: ALL, rejected: refused.length, finished: true });
    expect(Number(added) + Number(alreadyThere)).toBe(ALL - refused.length);
    expect(usersIn(application.dataDir, "piped-").toSorted()).toEqual(accepted("piped", ALL).toSorted());
    const told = (await readFile(rejected, "utf8")).trimEnd().split("\n");
    expect(told.map((line) => Number(/^row (\d+)/.exec(line)?.[1]) - 1).toSorted((a, b) => a - b)).toEqual(
      refused,
    );
    expect(existsSync(checkpoint)).toBe(false);
  });

  test("is not resumed by mistake, nor with other settings or another input", async () => {
    const path = await fileOf("ndjson", rowsOf("mistake", 0, 10));
    const checkpoint = `${path}.import-checkpoint`;
    const broken = await fileOf("csv", `${HEADER}\nm1@example.org,A,B,mistake-1,\n"`);
    expect(await run(broken, "--checkpoint", checkpoint)).toMatchObject({ code: 1 });
    expect(await run(path)).toMatchObject({
      code: 2,
      stderr: `countersign: an import of this input stopped after 1 row: --resume goes on with it; to begin anew, delete ${checkpoint}\n`,
    });
    expect(await run(path, "--resume")).toMatchObject({
      code: 2,
      stderr: `countersign: the import that stopped had --format "csv", and this one has "ndjson": give the same flags, or delete ${checkpoint} to begin anew\n`,
    });
    const other = await fileOf("csv", `${HEADER}\nm2@example.org,A,B,mistake-2,\n`);
    expect(await run(other, "--checkpoint", checkpoint, "--resume")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("this is not the input that the checkpoint is of"),
    });
    expect(usersIn(application.dataDir, "mistake-")).toEqual(["mistake-1"]);
    expect(await run("-", "--format", "csv", "--resume")).toMatchObject({
      code: 2,
      stderr: "countersign: --resume wants --checkpoint <file> where the input is stdin\n",
    });
  });
});

describe("a service that goes away", () => {
  test("and comes back is waited for, and no row is doubled or lost", async () => {
    const dataDir = join(folder, "restarted");
    const server = startServer({ dataDir });
    const url = await server.ready();
    const piped = new PipedImport(join(folder, "restart.checkpoint"), url, dataDir, []);
    piped.write(rowsOf("restart", 0, 1_000));
    await piped.reaches(500);
    piped.write(rowsOf("restart", 1_000, 3_000));
    await server.end("SIGKILL");
    await startServer({ dataDir, env: { COUNTERSIGN_LISTEN: new URL(url).host } }).ready();
    const result = await piped.end("input");
    expect(result.code).toBe(3);
    expect(countsOf(result)).toMatchObject({ rows: 3_000, rejected: 12, finished: true });
    expect(usersIn(dataDir, "restart-").toSorted()).toEqual(accepted("restart", 3_000).toSorted());
  });

  test("for good ends the import, which says so", async () => {
    const url = "http://127.0.0.1:1";
    const client = createCountersignClient({ url, token: "x", retry: false });
    const outcome = await addRow({ userId: "u1", email: { email: "a@example.org" } }, "", {
      client,
      url,
      ending: new AbortController().signal,
      patienceMs: 300,
      pulse: { lastMs: performance.now() },
    });
    client.close();
    expect(outcome).toEqual({
      kind: "stop",
      reason: `nothing answers at ${url}: is \`countersign serve\` running?`,
    });
  });
});
