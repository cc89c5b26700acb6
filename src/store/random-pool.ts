/** Secure random bytes without a system call each time: a code, two ids and an initialization vector per call add up. */
import { randomFillSync } from "node:crypto";
import type { RandomBytes } from "./identifiers.ts";

const POOL_BYTES = 8_192;

/** Hands out every byte of the pool once, as a copy, and leaves zeros behind. */
export function createRandomPool(): RandomBytes {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return (count) => {
    if (count > POOL_BYTES) return randomFillSync(Buffer.alloc(count));
    if (used + count > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const bytes = Buffer.from(pool.subarray(used, used + count));
    pool.fill(0, used, used + count);
    used += count;
    return bytes;
  };
}
