// A DNS server on loopback that knows some TXT records (RFC 1035), and is silent about names that it is told to be silent about.
import { createSocket } from "node:dgram";
import { once } from "node:events";

/** Records of a name; "silence" for no answer. A name without records is there all the same. */
export type Zone = Readonly<Record<string, readonly string[] | "silence">>;

const TYPE_TXT = 16;
const HEADER_BYTES = 12;
const NAME_ERROR = 3;

export interface DnsServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  stop(): Promise<void>;
}

export async function startDnsServer(zone: Zone): Promise<DnsServer> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    const answer = answerTo(query, zone);
    if (answer !== undefined) socket.send(answer, port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function answerTo(query: Buffer, zone: Zone): Buffer | undefined {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  // Type and class follow the name's final zero.
  const question = query.subarray(HEADER_BYTES, at + 5);
  const name = labels.join(".").toLowerCase();
  const isThere = Object.keys(zone).some((known) => known === name || known.endsWith(`.${name}`));
  const records = zone[name] ?? [];
  if (records === "silence") return undefined;
  const header = Buffer.from(query.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(0x8180 | (isThere ? 0 : NAME_ERROR), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, question, ...records.map(record)]);
}

/** In strings of 255 bytes at the most. */
function record(text: string): Buffer {
  const strings = (text.match(/[^]{1,255}/g) ?? [""]).map((part) =>
    Buffer.concat([Buffer.from([part.length]), Buffer.from(part, "latin1")]),
  );
  const data = Buffer.concat(strings);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(TYPE_TXT, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
