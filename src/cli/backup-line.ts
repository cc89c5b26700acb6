/** How far a backup is, on stderr: a line that is drawn anew on a terminal, else a line every ten seconds. */
import type { BackupProgress } from "../store/sqlite/backup.ts";
import type { Terminal } from "./import/progress.ts";
import { bytesText } from "./table.ts";

const DRAW_MS = 200;
const LINE_MS = 10_000;
const ERASE_LINE = "\r\u001B[2K";

export class BackupLine {
  readonly #out: Terminal;
  #step: BackupProgress["step"] | undefined;
  #shownMs = 0;
  #isDrawn = false;

  constructor(out: Terminal) {
    this.#out = out;
  }

  /** Shows a new step at once, and the same one now and then. */
  show(progress: BackupProgress): void {
    const nowMs = performance.now();
    const intervalMs = this.#out.isTTY === true ? DRAW_MS : LINE_MS;
    if (progress.step === this.#step && nowMs - this.#shownMs < intervalMs) return;
    this.#step = progress.step;
    this.#shownMs = nowMs;
    if (this.#out.isTTY !== true) {
      this.#out.write(`${describe(progress)}\n`);
      return;
    }
    this.#out.write(`${ERASE_LINE}${describe(progress)}`);
    this.#isDrawn = true;
  }

  end(): void {
    if (this.#isDrawn) this.#out.write(ERASE_LINE);
    this.#isDrawn = false;
  }
}

/** `copying  41 %  1.2 GiB of 3.0 GiB` */
function describe(progress: BackupProgress): string {
  if (progress.step === "checking") return `checking the copy  ${bytesText(progress.bytes)}`;
  const { bytes, ofBytes } = progress;
  const percent = ofBytes === 0 ? 0 : Math.floor((bytes / ofBytes) * 100);
  return `copying  ${percent} %  ${bytesText(bytes)} of ${bytesText(ofBytes)}`;
}
