/**
 * Ids. Users and organizations get ZITADEL's kind: the decimal text of 39 bits of time in 10 ms steps since
 * 2019-04-29, 8 bits of sequence and 16 bits of machine id. Codes get 128 random bits; deliveries 80, after the time in
 * milliseconds: ids of one time lie side by side in an index, so that many new ones touch few of its pages.
 */

const EPOCH_MS = Date.UTC(2019, 3, 29);
const STEP_MS = 10;
const IDS_PER_STEP = 256;
const TIME_BYTES = 6;
const TIMED_RANDOM_BYTES = 10;

export type RandomBytes = (count: number) => Uint8Array;

export class IdentifierFactory {
  readonly #nowMs: () => number;
  readonly #randomBytes: RandomBytes;
  readonly #machineId: bigint;
  #step = 0;
  #sequence = 0;

  constructor(nowMs: () => number, randomBytes: RandomBytes) {
    this.#nowMs = nowMs;
    this.#randomBytes = randomBytes;
    const [high = 0, low = 0] = randomBytes(2);
    this.#machineId = BigInt(high * 256 + low);
  }

  /** An id for a user, an organization or a service account: 18 digits these years, increasing. */
  sortable(): string {
    const step = Math.floor((this.#nowMs() - EPOCH_MS) / STEP_MS);
    if (step > this.#step) {
      this.#step = step;
      this.#sequence = 0;
    } else if (++this.#sequence === IDS_PER_STEP) {
      // More than 256 ids in a step, or a clock set back: borrow from the next step rather than repeat an id.
      this.#step += 1;
      this.#sequence = 0;
    }
    return String((BigInt(this.#step) << 24n) | (BigInt(this.#sequence) << 16n) | this.#machineId);
  }

  /** An id for a code: 22 characters of base64url. */
  random(): string {
    return Buffer.from(this.#randomBytes(16)).toString("base64url");
  }

  /** An id for a delivery: 22 characters of base64url, the first eight of them its time. */
  timed(): string {
    const bytes = Buffer.alloc(TIME_BYTES + TIMED_RANDOM_BYTES);
    bytes.writeUIntBE(this.#nowMs(), 0, TIME_BYTES);
    bytes.set(this.#randomBytes(TIMED_RANDOM_BYTES), TIME_BYTES);
    return bytes.toString("base64url");
  }
}
