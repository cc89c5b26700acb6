// Loaded before the server: the process dies by SIGKILL when it is about to ask for one write more than it may survive.
import { Worker } from "node:worker_threads";
import { Client } from "pg";

const survived = Number(process.env["TEST_SURVIVED_WRITES"]);
// oxlint-disable-next-line typescript/unbound-method -- called with its worker below
const { postMessage } = Worker.prototype;
let writes = 0;

type Query = (this: Client, ...values: unknown[]) => unknown;
const prototype = Client.prototype as unknown as { query: Query };
const { query } = prototype;

/** On PostgreSQL a write is asked for with its COMMIT. */
prototype.query = function (...values) {
  const isCommit = (values[0] as { readonly text?: string } | undefined)?.text === "COMMIT";
  if (isCommit && writes++ === survived) process.kill(process.pid, "SIGKILL");
  return query.apply(this, values);
};

Worker.prototype.postMessage = function (this: Worker, ...message: Parameters<typeof postMessage>) {
  if (writes++ === survived) process.kill(process.pid, "SIGKILL");
  return postMessage.apply(this, message);
};
