// A port that lets nobody in: a stopped process listens there, and its queue is full.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const LISTENER = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 0 }, () => {
    process.stdout.write(server.address().port + "\\n", () => process.kill(process.pid, "SIGSTOP"));
  });
`;
/** On loopback a connection that is let in takes less than a millisecond. */
const LET_IN_WITHIN_MS = 200;

export interface DeafPort {
  readonly port: number;
  stop(): Promise<void>;
}

export async function deafPort(): Promise<DeafPort> {
  const listener = spawn(process.execPath, ["-e", LISTENER], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(listener.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  const sockets: Socket[] = [];
  do sockets.push(connect(port, "127.0.0.1").on("error", () => {}));
  while (await isLetIn(sockets.at(-1) as Socket));
  return {
    port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      listener.kill("SIGKILL");
      await once(listener, "close");
    },
  };
}

function isLetIn(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), LET_IN_WITHIN_MS);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
