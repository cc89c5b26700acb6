// Tells when something is written to a socket of this process.
import { Socket } from "node:net";

/** @param onWrite is told each text as it is written */
export function watchWrites(onWrite: (text: string) => void): { restore(): void } {
  // oxlint-disable-next-line typescript/unbound-method -- called with the socket below
  const { write } = Socket.prototype;
  Socket.prototype.write = function watched(this: Socket, ...parts: Parameters<typeof write>) {
    onWrite(String(parts[0]));
    return write.apply(this, parts);
  } as typeof write;
  return { restore: () => void (Socket.prototype.write = write) };
}
