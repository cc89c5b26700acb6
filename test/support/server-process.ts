// `countersign serve` in a process of its own, which does not outlive the test that started it.
import { afterEach } from "@jest/globals";
import { ServerProcess, type ServerOptions } from "./spawned-server.ts";

export { ServerProcess, type Exit, type ServerOptions } from "./spawned-server.ts";

/** Call once per file or describe; what it returns starts a server, which does not outlive its test. */
export function serverProcesses(): (options: ServerOptions) => ServerProcess {
  const servers: ServerProcess[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
  });
  return (options) => {
    const server = new ServerProcess(options);
    servers.push(server);
    return server;
  };
}
