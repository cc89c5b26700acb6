// Sends one attempt over a connection of its own and collects what comes back.
import { connect } from "node:net";
import type { Attempt } from "./attempts.ts";
import { Flag, FrameReader, FrameType } from "./http2-frames.ts";
import { judgeHttp1, judgeHttp2, type Verdict } from "./verdict.ts";

/** Longer than any call takes on a busy machine. */
const ANSWER_TIMEOUT_MS = 20_000;
/** What nobody has to answer gets so long to be answered all the same, */
const PATIENCE_MS = 150;
/** and so long for more, once there is something. */
const QUIET_MS = 25;

/** @returns what the server answered, and what was wrong with it */
export async function exchange(port: number, attempt: Attempt): Promise<Verdict> {
  const { received, problem } = await send(port, attempt);
  const verdict = attempt.httpVersion === 1 ? judgeHttp1(received) : judgeHttp2(received);
  return { ...verdict, fault: problem ?? verdict.fault };
}

interface Outcome {
  readonly received: Buffer;
  readonly problem?: string;
}

function send(port: number, attempt: Attempt): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const isComplete = completion(attempt);
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let isOver = false;
    const finish = (problem?: string) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(late);
      clearTimeout(quiet);
      // Half of the connections end in good order, half are cut.
      if (attempt.number % 2 === 0) socket.end();
      else socket.resetAndDestroy();
      setImmediate(() => socket.destroy());
      resolve({ received: Buffer.concat(chunks), ...(problem !== undefined && { problem }) });
    };
    const late = setTimeout(() => finish("no answer in time"), ANSWER_TIMEOUT_MS);
    let quiet: NodeJS.Timeout | undefined;
    const wait = () => {
      if (attempt.mustAnswer) return;
      clearTimeout(quiet);
      quiet = setTimeout(finish, chunks.length === 0 ? PATIENCE_MS : QUIET_MS);
    };
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (isComplete(chunk)) finish();
      else wait();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      finish(error.code === "ECONNREFUSED" ? "no connection" : undefined);
    });
    socket.on("end", () => finish()).on("close", () => finish());
    socket.once("connect", () => {
      void write(attempt.chunks, (chunk) => !isOver && socket.write(chunk)).then(() => !isOver && wait());
    });
  });
}

async function write(chunks: readonly Buffer[], put: (chunk: Buffer) => void): Promise<void> {
  for (const chunk of chunks) {
    put(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Says when all that must come has come. Over HTTP/1.1 the end of the connection tells. */
function completion({ httpVersion, mustAnswer, streams }: Attempt): (chunk: Buffer) => boolean {
  if (httpVersion === 1 || !mustAnswer) return () => false;
  const reader = new FrameReader();
  const open = new Set(Array.from({ length: streams }, (_, index) => 2 * index + 1));
  return (chunk) => {
    for (const { type, flags, streamId } of reader.push(chunk)) {
      const carriesEnd = type === FrameType.HEADERS || type === FrameType.DATA;
      if (type === FrameType.RST_STREAM || (carriesEnd && (flags & Flag.END_STREAM) !== 0))
        open.delete(streamId);
    }
    return open.size === 0;
  };
}
