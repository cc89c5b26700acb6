// A log that keeps its lines.
import pino, { type Logger } from "pino";

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export class TestLog {
  /** All that was written, as text. */
  text = "";
  readonly logger: Logger = pino(
    { level: "trace", base: null },
    { write: (line) => void (this.text += line) },
  );

  get lines(): LogLine[] {
    return this.text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as LogLine);
  }
}
