// Opens many connections, in waves that a listener's backlog can take, and holds them until it is told to drop them.
import { connect, type Socket } from "node:net";
import { once } from "node:events";

const WAVE = 250;

const [host = "", port = "", count = "", greeting = ""] = process.argv.slice(2);
const sockets: Socket[] = [];

async function open(): Promise<void> {
  const socket = connect({ host, port: Number(port) });
  await once(socket, "connect");
  socket.on("error", () => {}).resume();
  if (greeting !== "") socket.write(Buffer.from(greeting, "hex"));
  sockets.push(socket);
}

while (sockets.length < Number(count)) {
  await Promise.all(Array.from({ length: Math.min(WAVE, Number(count) - sockets.length) }, open));
}
process.send?.("open");
process.once("message", () => {
  for (const socket of sockets) socket.destroy();
  process.disconnect();
});
