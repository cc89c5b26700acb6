/** How far an import is, on stderr: a line that is drawn anew on a terminal, else a line every ten seconds. */
import { countText } from "../table.ts";

export interface ProgressState {
  /** Rows that are done, those of earlier runs included. */
  readonly rows: number;
  readonly rejected: number;
  /** Part of the input that is done, 0 to 1; undefined where its size is not known. */
  readonly part: number | undefined;
}

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const DRAW_MS = 200;
const LINE_MS = 10_000;
const BAR_WIDTH = 24;
/** Of terminals that do not tell. */
const DEFAULT_COLUMNS = 80;
const ERASE_LINE = "\r\u001B[2K";

export class Progress {
  readonly #out: Terminal;
  readonly #state: () => ProgressState;
  #startMs = performance.now();
  #start: ProgressState;
  readonly #timer: NodeJS.Timeout;
  #isDrawn = false;

  /** @param state asked for whenever it is shown */
  constructor(out: Terminal, state: () => ProgressState) {
    this.#out = out;
    this.#state = state;
    this.#start = state();
    this.#timer = setInterval(() => this.#show(), out.isTTY === true ? DRAW_MS : LINE_MS);
  }

  /** From now on speed and time left are counted: reading past what is done already says nothing of either. */
  startClock(): void {
    this.#startMs = performance.now();
    this.#start = this.#state();
  }

  /** Writes a line that stays, above the one that is drawn anew. @param line with its end */
  say(line: string): void {
    this.#erase();
    this.#out.write(line);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #show(): void {
    const text = describe(this.#state(), this.#start, performance.now() - this.#startMs);
    if (this.#out.isTTY !== true) {
      this.#out.write(`${text}\n`);
      return;
    }
    const { part } = this.#state();
    const line = part === undefined ? text : `${bar(part)} ${text}`;
    this.#out.write(`${ERASE_LINE}${line.slice(0, (this.#out.columns || DEFAULT_COLUMNS) - 1)}`);
    this.#isDrawn = true;
  }

  #erase(): void {
    if (this.#isDrawn) this.#out.write(ERASE_LINE);
    this.#isDrawn = false;
  }
}

/** `41 %  412,031 rows  3,102 rows/s  12 rejected  3:10 left` */
export function describe(now: ProgressState, start: ProgressState, elapsedMs: number): string {
  const perSecond = ((now.rows - start.rows) * 1_000) / Math.max(elapsedMs, 1);
  const words = [
    ...(now.part === undefined ? [] : [`${Math.floor(now.part * 100)} %`]),
    `${countText(now.rows)} rows`,
    `${countText(Math.round(perSecond))} rows/s`,
    `${countText(now.rejected)} rejected`,
  ];
  const partDone = (now.part ?? 0) - (start.part ?? 0);
  if (now.part !== undefined && partDone > 0) {
    words.push(`${durationText(((1 - now.part) / partDone) * elapsedMs)} left`);
  }
  return words.join("  ");
}

/** `3:10`, `1:02:03` */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  const tail = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`;
}

function bar(part: number): string {
  const full = Math.round(Math.min(part, 1) * BAR_WIDTH);
  return `[${"=".repeat(full).padEnd(BAR_WIDTH)}]`;
}
