// Loaded before the server: the process dies by SIGKILL when it is about to ask for one write more than it may survive.
import { Worker } from "node:worker_threads";

const survived = Number(process.env["TEST_SURVIVED_WRITES"]);
// oxlint-disable-next-line typescript/unbound-method -- called with its worker below
const { postMessage } = Worker.prototype;
let writes = 0;

Worker.prototype.postMessage = function (this: Worker, ...message: Parameters<typeof postMessage>) {
  if (writes++ === survived) process.kill(process.pid, "SIGKILL");
  return postMessage.apply(this, message);
};
