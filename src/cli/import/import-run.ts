/**
 * Takes rows from the input and adds their users, so many at a time, until the input ends, the operator interrupts, or
 * the service cannot go on.
 *
 * At any moment there are no more than `concurrency` calls under way, and no more than MAX_AHEAD rows between the first one
 * that is not done and the newest: memory does not grow with the input. About once a second the state is written down
 * as a checkpoint, after the lines about rejected rows that belong to it. What was done since is done again by a run that
 * resumes, and answered with "already there".
 */
import { setInterval } from "node:timers";
import { CommandError } from "../service.ts";
import type { RowOutcome } from "./add-row.ts";
import type { Checkpoint, Counts } from "./checkpoint.ts";
import { readUser, type NewRowUser, type ReadUser, type RowDefaults } from "./columns.ts";
import { DoneRows, NOTHING_DONE } from "./done-rows.ts";
import type { InputRow, RowFault } from "./input-rows.ts";
import { rejectLine, type Rejects } from "./rejects.ts";

export interface ImportOptions {
  readonly rows: AsyncIterable<InputRow>;
  readonly defaults: RowDefaults;
  /** Adds one user. @param organization as the row itself names it; "" for none */
  readonly add: (user: NewRowUser, organization: string) => Promise<RowOutcome>;
  readonly concurrency: number;
  readonly rejects: Rejects;
  /** Where an earlier run stopped. */
  readonly from: Pick<Checkpoint, "done" | "counts"> | undefined;
  readonly save: (state: Omit<Checkpoint, "settings">) => Promise<void>;
  /** Aborted by the operator: rows that are under way are finished, no other is begun. */
  readonly interrupted: AbortSignal;
  /** Called when the import cannot go on: ends the reading, and the waiting of calls under way. */
  readonly end: () => void;
  /** The first row that is not done is reached. */
  readonly onFirstRow: () => void;
}

export interface ImportResult {
  /** Why the import stopped before the end; undefined when it did not, or was interrupted. */
  readonly stopped: string | undefined;
  readonly isWhole: boolean;
}

export interface ImportRun {
  readonly counts: Counts;
  /** Rows that are done. */
  readonly rows: number;
  /** @throws CommandError for an input that cannot be read on, and for files that cannot be written */
  run(): Promise<ImportResult>;
}

const MAX_AHEAD = 10_000;
const SAVE_MS = 1_000;
const MAX_UNSAVED_REJECTS = 5_000;

export function createImportRun(options: ImportOptions): ImportRun {
  const { rows, defaults, add, concurrency, rejects, from, save, interrupted, end, onFirstRow } = options;
  const done = new DoneRows(from?.done ?? NOTHING_DONE);
  const counts = { added: 0, alreadyThere: 0, rejected: 0, ...from?.counts };
  let underWay = 0;
  let wake: (() => void) | undefined;
  let stopped: string | undefined;
  /** Of what nobody waits for: the first one ends the run. */
  let fault: Error | undefined;

  function reject(row: InputRow, faults: readonly RowFault[]): void {
    counts.rejected++;
    rejects.add(rejectLine(row, faults));
    done.finish(row.number);
  }

  async function addOne(row: InputRow, task: () => Promise<RowOutcome>): Promise<void> {
    underWay++;
    try {
      settle(row, await task());
    } catch (error) {
      fail(error);
    } finally {
      underWay--;
      wake?.();
    }
  }

  function settle(row: InputRow, outcome: RowOutcome): void {
    switch (outcome.kind) {
      case "added":
        counts.added++;
        done.finish(row.number);
        break;
      case "already":
        counts.alreadyThere++;
        done.finish(row.number);
        break;
      case "rejected":
        reject(row, outcome.faults);
        break;
      case "stop":
        stopped ??= outcome.reason;
        end();
        break;
      case "undone":
        break;
    }
  }

  function fail(error: unknown): void {
    fault ??= asError(error);
    end();
  }

  const isEnding = () => interrupted.aborted || stopped !== undefined || fault !== undefined;

  async function until(isReady: () => boolean): Promise<void> {
    while (!isReady()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    wake = undefined;
  }

  /** @returns whether the input was read to its end */
  async function pump(): Promise<boolean> {
    let isFirst = true;
    for await (const row of rows) {
      if (isEnding()) return false;
      const isOpen = done.see(row.number, row.raw);
      if (isOpen === undefined) throw otherInput();
      if (!isOpen) continue;
      if (isFirst) onFirstRow();
      isFirst = false;
      await until(() => (underWay < concurrency && done.spread <= MAX_AHEAD) || isEnding());
      if (isEnding()) return false;
      const read = readRow(row, defaults);
      if (read.ok) void addOne(row, () => add(read.user, organizationNamedBy(row)));
      else {
        reject(row, read.faults);
        // Their lines wait for the next checkpoint, and must not pile up.
        if (counts.rejected % MAX_UNSAVED_REJECTS === 0) await saveNow();
      }
    }
    if (interrupted.aborted) return false;
    if (done.isCutShort) throw otherInput();
    return true;
  }

  let saving: Promise<void> = Promise.resolve();
  let isSaving = false;

  function saveNow(): Promise<void> {
    // A checkpoint of nothing would only be in the way.
    if (counts.added + counts.alreadyThere + counts.rejected === 0) return saving;
    isSaving = true;
    saving = saving
      .then(async () => {
        // All of one moment: rejects.flush() takes what there is at the call.
        const state = { done: done.state, counts: { ...counts } };
        await save({ ...state, rejectedBytes: await rejects.flush() });
      })
      .finally(() => {
        isSaving = false;
      });
    return saving;
  }

  return {
    counts,
    get rows() {
      return counts.added + counts.alreadyThere + counts.rejected;
    },
    async run() {
      const timer = setInterval(() => {
        if (!isSaving) saveNow().catch(fail);
      }, SAVE_MS);
      let isWhole = false;
      try {
        isWhole = await pump();
      } catch (error) {
        // Of the input: what is under way may still finish. Where the import ends, so does the reading.
        if (!(isEnding() && isAbort(error))) fault ??= asError(error);
      }
      await until(() => underWay === 0);
      clearInterval(timer);
      await saveNow();
      if (fault !== undefined) throw fault;
      return { stopped, isWhole: isWhole && stopped === undefined && !interrupted.aborted };
    },
  };
}

function readRow({ content }: InputRow, defaults: RowDefaults): ReadUser {
  if (content.kind === "values") return readUser(content.values, defaults);
  return { ok: false, faults: [{ column: undefined, problem: content.problem }] };
}

function organizationNamedBy({ content }: InputRow): string {
  const named = content.kind === "values" ? content.values.get("organization") : undefined;
  return typeof named === "string" ? named : "";
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function otherInput(): CommandError {
  return new CommandError(
    "this is not the input that the checkpoint is of: rows that are done already read differently. Give the same input, or delete the checkpoint to begin anew",
  );
}
