/**
 * Moves everything from SQLite to PostgreSQL.
 *
 *     begun       The target is empty, or holds the rows and the state of a move of the same source that was stopped.
 *     copying     Page by page, table by table; each page is committed together with how far that is. Stopped at any point, by
 *                 whatever, it goes on there.
 *     comparing   Every row of the source is looked up in the target and compared, so each user's events and state are too;
 *                 as many rows on both sides say that there is nothing else.
 *     finished    The mark that keeps services away is taken off, in the transaction that sets where numbering goes on.
 *
 * Memory holds a page at a time. The source is only read.
 */
import { isDeepStrictEqual } from "node:util";
import { MoveError } from "./move-error.ts";
import type { MoveSource } from "./source.ts";
import { TABLES, type Cell, type Row, type TablePlan } from "./tables.ts";
import type { MoveState, MoveTarget } from "./target.ts";

const PAGE_ROWS = 2_000;

export interface MoveProgress {
  readonly phase: "copying" | "comparing";
  /** The table that is at work. */
  readonly table: string;
  /** Rows that are done in this phase, those of earlier runs included. */
  readonly rows: number;
  readonly allRows: number;
}

export interface MoveOptions {
  readonly source: MoveSource;
  readonly target: MoveTarget;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** Stops after the page that is at work; the next move goes on there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: MoveProgress) => void;
}

export interface MoveResult {
  readonly isFinished: boolean;
  /** In the order of the move, once it is finished. */
  readonly rows: Readonly<Record<string, number>>;
}

/** @throws MoveError where the target cannot take the move, or differs from the source afterwards */
export async function moveStore({
  source,
  target,
  nowMs,
  signal,
  onProgress,
}: MoveOptions): Promise<MoveResult> {
  const fingerprint = source.fingerprint();
  const begun = await target.state();
  if (begun !== undefined && begun.fingerprint !== fingerprint) {
    throw new MoveError(
      `a move was stopped in the target, of a source with ${begun.fingerprint}; this one has ${fingerprint}. Empty the target and begin anew`,
    );
  }
  const startedAtMs = begun?.startedAtMs ?? nowMs;
  const counts = TABLES.map((plan) => source.count(plan));
  const allRows = counts.reduce((sum, rows) => sum + rows, 0);
  const isOver = () => signal?.aborted === true;

  let rows = 0;
  for (const [index, plan] of TABLES.entries()) {
    const isLater = begun !== undefined && TABLES.findIndex(({ name }) => name === begun.table) > index;
    if (isLater) {
      rows += counts[index] ?? 0;
      continue;
    }
    let after = begun?.table === plan.name ? begun.after : undefined;
    rows += after === undefined ? 0 : await target.count(plan);
    for (;;) {
      if (isOver()) return { isFinished: false, rows: {} };
      onProgress?.({ phase: "copying", table: plan.name, rows, allRows });
      const page = source.page(plan, after, pageRowsOf(plan));
      after = keyOf(plan, page.at(-1)) ?? after;
      const state: MoveState = {
        fingerprint,
        startedAtMs,
        table: plan.name,
        ...(after !== undefined && { after }),
      };
      await write(target, plan, convert(plan, page, startedAtMs), state);
      rows += page.length;
      if (page.length < pageRowsOf(plan)) break;
    }
  }

  const found: Record<string, number> = {};
  rows = 0;
  for (const plan of TABLES) {
    let converted = 0;
    let after: readonly Cell[] | undefined;
    for (;;) {
      if (isOver()) return { isFinished: false, rows: {} };
      onProgress?.({ phase: "comparing", table: plan.name, rows, allRows });
      const page = source.page(plan, after, pageRowsOf(plan));
      after = keyOf(plan, page.at(-1)) ?? after;
      const wanted = convert(plan, page, startedAtMs);
      compare(plan, wanted, await target.find(plan, wanted));
      converted += wanted.length;
      rows += page.length;
      if (page.length < pageRowsOf(plan)) break;
    }
    const there = await target.count(plan);
    if (there !== converted)
      throw new MoveError(`${plan.name}: the target has ${there} rows, the source ${converted}. ${ANEW}`);
    found[plan.name] = there;
  }
  await target.finish(TABLES, source.lastPosition());
  return { isFinished: true, rows: found };
}

const ANEW = "Somebody else has written to one of both: empty the target and begin anew";

async function write(
  target: MoveTarget,
  plan: TablePlan,
  rows: readonly Row[],
  state: MoveState,
): Promise<void> {
  const bad = rows.find((row) => Object.values(row).some(isNotStorable));
  if (bad !== undefined) {
    const key = JSON.stringify(keyOf(plan, bad));
    throw new MoveError(
      `${plan.name} ${key}: PostgreSQL cannot hold the NUL character, or the half of a surrogate pair, that is in it. Change it while the service runs on SQLite, and begin again`,
    );
  }
  await target.write(plan, rows, state);
}

function pageRowsOf({ pageRows = PAGE_ROWS }: TablePlan): number {
  return pageRows;
}

function convert(
  { columns, convert: conversion }: TablePlan,
  page: readonly Row[],
  startedAtMs: number,
): Row[] {
  const rows = conversion === undefined ? page : page.flatMap((read) => conversion(read, startedAtMs));
  return rows.map((row) =>
    Object.fromEntries(Object.keys(columns).map((column) => [column, row[column] ?? null])),
  );
}

function isNotStorable(cell: Cell): boolean {
  return typeof cell === "string" && (cell.includes("\0") || !cell.isWellFormed());
}

function keyOf({ key }: TablePlan, row: Row | undefined): readonly Cell[] | undefined {
  return row && key.map((column) => row[column] ?? null);
}

/** @throws MoveError for the first row that is not as it should be */
function compare(
  { name, key, targetKey = key }: TablePlan,
  wanted: readonly Row[],
  found: readonly Row[],
): void {
  const textOf = (row: Row) => JSON.stringify(targetKey.map((column) => row[column]));
  const byKey = new Map(found.map((row) => [textOf(row), row]));
  for (const row of wanted) {
    const text = textOf(row);
    const there = byKey.get(text);
    if (there === undefined) throw new MoveError(`${name} ${text} is not in the target. ${ANEW}`);
    if (!isDeepStrictEqual({ ...there }, { ...row }))
      throw new MoveError(`${name} ${text} is different in the target. ${ANEW}`);
  }
}
