/**
 * Loaded before the server: its clock starts TEST_CLOCK_OFFSET_MS ahead, and SIGUSR2 puts it forward by
 * TEST_CLOCK_JUMP_MS, as if the process had been stopped for so long. Timers and the mail thread's clock keep their pace.
 */
import { isMainThread } from "node:worker_threads";

const jumpMs = Number(process.env["TEST_CLOCK_JUMP_MS"]);
const now = Date.now;
let offsetMs = Number(process.env["TEST_CLOCK_OFFSET_MS"] ?? 0);

Date.now = () => now() + offsetMs;
if (isMainThread) process.on("SIGUSR2", () => (offsetMs += jumpMs));
