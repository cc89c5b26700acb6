/**
 * Tells of nearly every key that is not in the index of answers that it is not: a Bloom filter.
 *
 * Calls hardly ever come twice, so nearly every look into the index finds nothing, and takes many times as long as asking here.
 * A part of the filter takes PART_KEYS keys, the next one twice as many, and so on up to MAX_PART_KEYS; it is forgotten
 * as a whole, once the last row that it speaks of is gone. With BITS_PER_KEY bits and HASHES of them set for each key,
 * at most one in 400 keys that are not there is looked for all the same.
 */

const PART_KEYS = 32_768;
/** 8 MiB of bits. */
const MAX_PART_KEYS = 4_194_304;
const BITS_PER_KEY = 16;
const HASHES = 4;

interface Part {
  readonly words: Uint32Array;
  /** One less than the number of bits, which is a power of two. */
  readonly mask: number;
  readonly maxKeys: number;
  keys: number;
  /** The highest of the rows that hold its keys. */
  lastRow: number;
}

export class ScopeFilter {
  /** The newest one last. */
  #parts: Part[] = [];

  /** @param row that holds the key; rows may come in any order */
  add(key: string, row: number): void {
    let part = this.#parts.at(-1);
    if (part === undefined || part.keys >= part.maxKeys) {
      part = newPart(part === undefined ? PART_KEYS : Math.min(2 * part.maxKeys, MAX_PART_KEYS));
      this.#parts.push(part);
    }
    part.keys += 1;
    part.lastRow = Math.max(part.lastRow, row);
    const { words, mask } = part;
    const hash = hashOf(key);
    for (let n = 0; n < HASHES; n++) {
      const bit = bitOf(hash, n) & mask;
      words[bit >>> 5] = (words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  /** @returns false only for keys that were never added, or are forgotten */
  mayHave(key: string): boolean {
    const hash = hashOf(key);
    return this.#parts.some((part) => isIn(part, hash));
  }

  /** Forgets keys, once all rows below this one are gone. */
  forgetBelow(row: number): void {
    this.#parts = this.#parts.filter(({ lastRow }) => lastRow >= row);
  }
}

function newPart(maxKeys: number): Part {
  const bits = maxKeys * BITS_PER_KEY;
  return { words: new Uint32Array(bits / 32), mask: bits - 1, maxKeys, keys: 0, lastRow: 0 };
}

function isIn({ words, mask }: Part, hash: number): boolean {
  for (let n = 0; n < HASHES; n++) {
    const bit = bitOf(hash, n) & mask;
    if (((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

/** Of each key several bits, told apart by the upper bits of its hash: the lower ones alone say only where they begin. */
function bitOf(hash: number, n: number): number {
  return hash + n * ((hash >>> 13) | 1);
}

/** FNV-1a, then mixed so that every bit depends on all characters; 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < key.length; n++) hash = Math.imul(hash ^ key.charCodeAt(n), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
