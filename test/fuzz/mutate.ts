// Changes to bytes that parsers get wrong: flipped bits, lengths that lie, pieces lost, doubled and swapped.
import type { Random } from "../support/random.ts";

const TELLING_BYTES = [0x00, 0x01, 0x0a, 0x0d, 0x20, 0x22, 0x2f, 0x3a, 0x5c, 0x7b, 0x7f, 0x80, 0xff];
const TELLING_NUMBERS = [
  0, 1, 0x7f, 0x80, 0xff, 0x4000, 0xffff, 0x10_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
const MAX_CHANGES = 4;
const MAX_LENGTH = 64 * 1024;

type Change = (bytes: Buffer, random: Random) => Buffer;

const changes: readonly Change[] = [
  (bytes, random) => overwrite(bytes, random, [1 << random.below(8)], (old, mask) => old ^ mask),
  (bytes, random) => overwrite(bytes, random, [random.below(256)]),
  (bytes, random) => overwrite(bytes, random, [random.pick(TELLING_BYTES)]),
  (bytes, random) => {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(random.pick(TELLING_NUMBERS));
    return overwrite(bytes, random, [...number.subarray(random.pick([0, 2, 3]))]);
  },
  (bytes, random) => insert(bytes, random, random.bytes(1 + random.below(8))),
  (bytes, random) => insert(bytes, random, Buffer.alloc(1 + random.below(64), random.pick(TELLING_BYTES))),
  (bytes, random) => insert(bytes, random, piece(bytes, random)),
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(end), bytes.subarray(start, end), bytes.subarray(0, start)]);
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
  },
];

/** One to four changes. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let changed = bytes;
  for (let count = 1 + random.below(MAX_CHANGES); count > 0; count--) {
    changed = random.pick(changes)(changed, random).subarray(0, MAX_LENGTH);
  }
  return changed;
}

function overwrite(
  bytes: Buffer,
  random: Random,
  values: readonly number[],
  mix = (_old: number, value: number) => value,
): Buffer {
  const changed = Buffer.from(bytes);
  const start = random.below(Math.max(bytes.length - values.length, 0) + 1);
  for (const [offset, value] of values.entries()) {
    const old = changed[start + offset];
    if (old !== undefined) changed[start + offset] = mix(old, value);
  }
  return changed;
}

function insert(bytes: Buffer, random: Random, inserted: Buffer): Buffer {
  const start = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(start)]);
}

function piece(bytes: Buffer, random: Random): Buffer {
  const [start, end] = range(bytes, random);
  return bytes.subarray(start, end);
}

function range(bytes: Buffer, random: Random): [start: number, end: number] {
  const start = random.below(bytes.length + 1);
  return [start, start + random.below(Math.min(bytes.length - start, 64) + 1)];
}
