/**
 * Which rows of an input are done. Rows are read in order and done in any: all up to one number, and a few beyond it.
 * A checksum over all rows up to that number tells whether an input is the one that an earlier import read.
 */
import { crc32 } from "node:zlib";

/** As a checkpoint keeps it. */
export interface DoneState {
  /** All rows up to this number are done. */
  readonly upTo: number;
  /** CRC-32 of these rows, a line break after each. */
  readonly checksum: number;
  /** Numbers of rows beyond that are done too. */
  readonly beyond: readonly number[];
}

const ROW_END = "\n";

export const NOTHING_DONE: DoneState = { upTo: 0, checksum: 0, beyond: [] };

export class DoneRows {
  #upTo: number;
  #checksum: number;
  readonly #beyond: Set<number>;
  /** Checksums up to and with each row that was read beyond `#upTo`. */
  readonly #checksums = new Map<number, number>();
  #running = 0;
  #lastSeen = 0;

  constructor({ upTo, checksum, beyond }: DoneState) {
    this.#upTo = upTo;
    this.#checksum = checksum;
    this.#beyond = new Set(beyond);
  }

  /**
   * Takes notice of the next row.
   *
   * @returns whether it is still to be done; undefined when the input is another one than that of the state
   */
  see(number: number, raw: string): boolean | undefined {
    this.#running = crc32(ROW_END, crc32(raw, this.#running));
    this.#lastSeen = number;
    if (number < this.#upTo) return false;
    if (number === this.#upTo) return this.#running === this.#checksum ? false : undefined;
    this.#checksums.set(number, this.#running);
    return !this.#beyond.has(number);
  }

  /** @param number of a row that was seen */
  finish(number: number): void {
    this.#beyond.add(number);
    while (this.#beyond.delete(this.#upTo + 1)) {
      this.#upTo++;
      this.#checksum = this.#checksums.get(this.#upTo) ?? this.#checksum;
      this.#checksums.delete(this.#upTo);
    }
  }

  /** How many rows lie between the last one that was seen and the first one that is not done. */
  get spread(): number {
    return this.#lastSeen - this.#upTo;
  }

  /** Whether the input ended before all rows of the state were seen. */
  get isCutShort(): boolean {
    return this.#lastSeen < this.#upTo;
  }

  get state(): DoneState {
    return { upTo: this.#upTo, checksum: this.#checksum, beyond: [...this.#beyond] };
  }
}
