/**
 * A relay that takes every mail and keeps none: as little work as SMTP allows, so that the sender is what is measured.
 * `node mail-sink.ts`: says {port} first, and answers each line on stdin with {mails}.
 */
import { createInterface } from "node:readline";
import { createServer, type AddressInfo, type Socket } from "node:net";

const END_OF_MAIL = Buffer.from("\r\n.\r\n");
let mails = 0;

function serve(socket: Socket): void {
  let rest = "";
  /** The end of what came of the mail, while one comes. */
  let tail: Buffer | undefined;
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    if (tail !== undefined) {
      const joined = Buffer.concat([tail, chunk]);
      if (!joined.subarray(-END_OF_MAIL.length).equals(END_OF_MAIL)) {
        tail = joined.subarray(-END_OF_MAIL.length);
        return;
      }
      tail = undefined;
      mails += 1;
      socket.write("250 2.0.0 taken\r\n");
      return;
    }
    const lines = (rest + chunk.toString("latin1")).split("\r\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO") socket.write("250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
      else if (verb === "QUIT") socket.end("221 bye\r\n");
      else if (verb === "DATA") {
        tail = Buffer.alloc(0);
        socket.write("354 go on\r\n");
      } else socket.write("250 fine\r\n");
    }
  });
  socket.write("220 sink\r\n");
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
createInterface(process.stdin)
  .on("line", () => console.log(JSON.stringify({ mails })))
  .on("close", () => process.exit());
