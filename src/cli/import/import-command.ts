/** `countersign user import`. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { EXIT_FAILED, EXIT_OK, EXIT_REJECTED, EXIT_USAGE, SIGNAL_EXIT_CODES } from "../exit-codes.ts";
import { CommandError, withService, type Service } from "../service.ts";
import type { ServiceFlags } from "../service-options.ts";
import { countText } from "../table.ts";
import { writeJson } from "../write-json.ts";
import { addRow, type RowOutcome } from "./add-row.ts";
import { readCheckpoint, removeCheckpoint, writeCheckpoint, type Checkpoint } from "./checkpoint.ts";
import type { RowDefaults } from "./columns.ts";
import { CsvError } from "./csv.ts";
import { csvRows } from "./csv-rows.ts";
import { createImportRun, type ImportResult, type ImportRun } from "./import-run.ts";
import { textOf, type InputRow } from "./input-rows.ts";
import { watchInterrupts, type Interrupts } from "./interrupts.ts";
import { ndjsonRows } from "./ndjson-rows.ts";
import { durationText, Progress, type ProgressState } from "./progress.ts";
import { rejectsTo, rejectsToFile } from "./rejects.ts";

/** Of `user import`. */
export interface ImportFlags extends ServiceFlags {
  readonly format?: "csv" | "ndjson";
  readonly organization?: string;
  readonly verified?: true;
  readonly sendCode?: true;
  readonly none?: true;
  readonly ignoreUnknown?: true;
  readonly concurrency: number;
  readonly resume?: true;
  readonly checkpoint?: string;
  readonly rejected?: string;
  readonly dryRun?: true;
}

const STDIN = "-";
/** A restart of the service takes seconds; what takes longer, somebody has to look at. */
const PATIENCE_MS = 60_000;

/**
 * @param file path, or "-" for stdin
 * @returns the exit code: 0 all rows are users, 3 the end was reached and rows were rejected, 130 or 143 interrupted, 1
 * stopped, 2 wrong usage, 5 or 6 the service could not be called to begin with
 */
export async function importCommand(file: string, flags: ImportFlags): Promise<number> {
  const interrupts = watchInterrupts();
  try {
    if (flags.dryRun === true)
      return await withoutService(() => runImport(file, flags, undefined, interrupts));
    return await withService(flags, (service) => runImport(file, flags, service, interrupts), {
      retry: false,
    });
  } finally {
    interrupts.unwatch();
  }
}

async function withoutService(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`countersign: ${error.message}\n`);
    return error.exitCode;
  }
}

async function runImport(
  file: string,
  flags: ImportFlags,
  service: Service | undefined,
  interrupts: Interrupts,
): Promise<number> {
  const startMs = performance.now();
  const input = await openInput(file, flags);
  const place = service === undefined ? undefined : checkpointPlace(file, flags);
  const settings = settingsOf(flags, input.format, service);
  const from = await resumedState(place, flags, settings);
  if (service !== undefined) await greet(service);

  const stopping = new AbortController();
  const ending = AbortSignal.any([interrupts.signal, stopping.signal]);
  addAbortSignal(ending, input.stream);
  const pulse = { lastMs: performance.now() };
  const rejects =
    flags.rejected === undefined
      ? rejectsTo((line) => progress.say(line))
      : await rejectsToFile(flags.rejected, from?.rejectedBytes ?? 0);
  const run = createImportRun({
    rows: rowsOf(input, flags.ignoreUnknown === true),
    defaults: defaultsOf(flags),
    concurrency: flags.concurrency,
    rejects,
    from,
    add: (user, organization): Promise<RowOutcome> =>
      service === undefined
        ? Promise.resolve({ kind: "added" })
        : addRow(user, organization, { ...service, ending, pulse, patienceMs: PATIENCE_MS }),
    save: (state) =>
      place === undefined ? Promise.resolve() : writeCheckpoint(place, { settings, ...state }),
    interrupted: interrupts.signal,
    end: () => stopping.abort(),
    onFirstRow: () => progress.startClock(),
  });
  const progress = new Progress(process.stderr, () => progressOf(run, input));
  interrupts.signal.addEventListener("abort", () =>
    progress.say("stopping, once the calls under way are answered\n"),
  );
  let result: ImportResult;
  try {
    result = await run.run();
  } catch (error) {
    progress.end();
    throw inWords(error, file, place, run);
  } finally {
    progress.end();
    await rejects.close();
  }
  if (result.isWhole && place !== undefined) await removeCheckpoint(place);
  report(run, result, flags, performance.now() - startMs);
  if (!result.isWhole) process.stderr.write(`countersign: ${whyStopped(result, run)}; ${howToGoOn(place)}\n`);
  return exitCodeOf(run, result, interrupts);
}

function exitCodeOf(run: ImportRun, result: ImportResult, interrupts: Interrupts): number {
  if (result.isWhole) return run.counts.rejected > 0 ? EXIT_REJECTED : EXIT_OK;
  return interrupts.received === undefined ? EXIT_FAILED : SIGNAL_EXIT_CODES[interrupts.received];
}

// --- The input -----------------------------------------------------------------------------------------------------

interface Input {
  readonly stream: Readable;
  readonly format: "csv" | "ndjson";
  /** Undefined for stdin. */
  readonly size: number | undefined;
  /** How much of it was read. */
  readonly bytesRead: () => number;
}

/** @throws CommandError */
async function openInput(file: string, flags: ImportFlags): Promise<Input> {
  const format = flags.format ?? formatOf(file);
  if (format === undefined) {
    const name = file === STDIN ? "stdin does not say" : `the name ${file} does not say`;
    throw new CommandError(`${name} what is in it: add --format csv or --format ndjson`, EXIT_USAGE);
  }
  if (file === STDIN) return { stream: process.stdin, format, size: undefined, bytesRead: () => 0 };
  try {
    const found = await stat(file);
    if (found.isDirectory())
      throw new CommandError(`${file} is a directory, and has to be a file`, EXIT_USAGE);
    const stream = createReadStream(file);
    await new Promise((resolve, reject) => void stream.once("open", resolve).once("error", reject));
    // Of a pipe nobody knows the size.
    return {
      stream,
      format,
      size: found.isFile() ? found.size : undefined,
      bytesRead: () => stream.bytesRead,
    };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new CommandError(`cannot read ${file} (${code})`, EXIT_USAGE);
  }
}

function formatOf(file: string): "csv" | "ndjson" | undefined {
  if (/\.csv$/i.test(file)) return "csv";
  return /\.(?:ndjson|jsonl)$/i.test(file) ? "ndjson" : undefined;
}

function rowsOf({ format, stream }: Input, ignoreUnknown: boolean): AsyncIterable<InputRow> {
  const text = textOf(stream);
  return format === "csv" ? csvRows(text, ignoreUnknown) : ndjsonRows(text, ignoreUnknown);
}

function defaultsOf({ organization, verified, sendCode }: ImportFlags): RowDefaults {
  return {
    organization,
    verification: verified === true ? "verified" : sendCode === true ? "sendCode" : "none",
  };
}

// --- Where an earlier run stopped ------------------------------------------------------------------------------------

function checkpointPlace(file: string, { checkpoint, resume }: ImportFlags): string | undefined {
  if (checkpoint !== undefined || file !== STDIN) return checkpoint ?? `${file}.import-checkpoint`;
  if (resume === undefined) return undefined;
  throw new CommandError("--resume wants --checkpoint <file> where the input is stdin", EXIT_USAGE);
}

/** What a run that resumes has to have in common with the one that stopped. */
function settingsOf(
  { organization = "", ...flags }: ImportFlags,
  format: string,
  service: Service | undefined,
): Checkpoint["settings"] {
  const { verification } = defaultsOf(flags);
  return {
    "--url": service?.url ?? "",
    "--format": format,
    "--organization": organization,
    addresses: verification,
  };
}

/** @throws CommandError where the flags and what is there do not fit */
async function resumedState(
  place: string | undefined,
  { resume, rejected }: ImportFlags,
  settings: Checkpoint["settings"],
): Promise<Checkpoint | undefined> {
  const found = place === undefined ? undefined : await readCheckpoint(place);
  if (found === undefined) {
    if (resume === true)
      process.stderr.write(`note: there is no checkpoint ${place}: beginning with the first row\n`);
    return undefined;
  }
  if (resume === undefined) {
    throw new CommandError(
      `an import of this input stopped after ${rowsText(rowsOfCounts(found))}: --resume goes on with it; to begin anew, delete ${place}`,
      EXIT_USAGE,
    );
  }
  for (const [name, value] of Object.entries(settings)) {
    const before = found.settings[name];
    if (before === value) continue;
    throw new CommandError(
      `the import that stopped had ${name} ${JSON.stringify(before)}, and this one has ${JSON.stringify(value)}: give the same flags, or delete ${place} to begin anew`,
      EXIT_USAGE,
    );
  }
  if (found.rejectedBytes > 0 && rejected === undefined) {
    throw new CommandError("the import that stopped had --rejected: give the same file again", EXIT_USAGE);
  }
  return found;
}

function rowsOfCounts({ counts }: Checkpoint): number {
  return counts.added + counts.alreadyThere + counts.rejected;
}

/** Asks for next to nothing: a wrong address or token is told before the first row is read. */
async function greet({ client }: Service): Promise<void> {
  await client.users.listUsers({
    query: { limit: 1 },
    queries: [{ query: { case: "inUserIdsQuery", value: { userIds: ["-"] } } }],
  });
}

// --- What is said ----------------------------------------------------------------------------------------------------

function progressOf(run: ImportRun, { size, bytesRead }: Input): ProgressState {
  const part = size === undefined || size === 0 ? undefined : Math.min(bytesRead() / size, 1);
  return { rows: run.rows, rejected: run.counts.rejected, part };
}

function report(run: ImportRun, { isWhole }: ImportResult, flags: ImportFlags, elapsedMs: number): void {
  const { added, alreadyThere, rejected } = run.counts;
  const { rows } = run;
  if (flags.json === true) {
    writeJson({ rows, added, alreadyThere, rejected, dryRun: flags.dryRun === true, finished: isWhole });
    return;
  }
  const what =
    flags.dryRun === true
      ? [
          `${countText(added)} can be sent`,
          `${countText(rejected)} rejected`,
          "nothing was added: this was a dry run",
        ]
      : [
          `${countText(added)} added`,
          `${countText(alreadyThere)} there already`,
          `${countText(rejected)} rejected`,
        ];
  process.stdout.write(`${rowsText(rows)}: ${what.join(", ")}; ${durationText(elapsedMs)}\n`);
  if (rejected > 0 && flags.rejected !== undefined) {
    process.stdout.write(`${flags.rejected} says what is wrong with the rejected rows\n`);
  }
}

function whyStopped({ stopped }: ImportResult, run: ImportRun): string {
  return stopped ?? `interrupted after ${rowsText(run.rows)}`;
}

function howToGoOn(place: string | undefined): string {
  return place === undefined
    ? "give the same command again: rows that are done are recognized"
    : "give the same command with --resume to go on";
}

/** `1 row`, `9,999 rows` */
function rowsText(count: number): string {
  return count === 1 ? "1 row" : `${countText(count)} rows`;
}

function inWords(error: unknown, file: string, place: string | undefined, run: ImportRun): unknown {
  // What the header says is wrong before anything was done.
  if (error instanceof CommandError) return error;
  if (error instanceof CsvError) {
    return new CommandError(
      `${file}: ${error.message} What stands before it is done (${rowsText(run.rows)}); mend it, and ${howToGoOn(place)}`,
    );
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === "read"
    ? new CommandError(`cannot read on in ${file} (${code}); ${howToGoOn(place)}`)
    : error;
}
