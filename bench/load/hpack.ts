/** As much of HPACK (RFC 7541) as the load needs: literals, indexes, and to know a `grpc-status: 0` when it sees one. */

const STATIC_TABLE_ENTRIES = 61;
const INCREMENTAL_INDEXING = 0x40;
const INDEXED = 0x80;

/** A field that the receiver shall remember: literal with incremental indexing, no Huffman code (section 6.2.1). */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([INCREMENTAL_INDEXING]), text(name), text(value)]);
}

/** The first byte of a remembered field, the newest of which has the lowest index (section 2.3.3). */
export function indexed(position: number, remembered: number): number {
  return INDEXED | (STATIC_TABLE_ENTRIES + remembered - position);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = bytes.length - 127;
  if (rest >= 128 * 128) throw new RangeError("header too long for this client");
  const prefix = rest < 128 ? [127, rest] : [127, (rest & 127) | 128, rest >> 7];
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

/** Codes of the letters in "grpc-status" (appendix B). */
const HUFFMAN: Readonly<Record<string, string>> = {
  "-": "010110",
  a: "00011",
  c: "00100",
  g: "100110",
  p: "101011",
  r: "101100",
  s: "01000",
  t: "01001",
  u: "101101",
};

const VALUE_0 = Buffer.from([1, 0x30]);
const OK_STATUS: readonly Buffer[] = [
  Buffer.concat([text("grpc-status"), VALUE_0]),
  Buffer.concat([huffmanText("grpc-status"), VALUE_0]),
];

/** Whether the block says `grpc-status: 0`, its name in plain or in Huffman's code. */
export function containsOkStatus(block: Buffer): boolean {
  return OK_STATUS.some((field) => block.includes(field));
}

function huffmanText(value: string): Buffer {
  const bits = Array.from(value, (letter) => HUFFMAN[letter] ?? "").join("");
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  const bytes = (padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}
