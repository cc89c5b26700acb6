/**
 * Entry of the mail thread: composes mails and talks to relays, so that neither delays a call.
 *
 * It has no keys and no database. What it needs of either it asks the main thread for: whether a mail may still leave,
 * and to keep a mail of the dev inbox.
 */
import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { Courier } from "../courier.ts";
import { createPermit, type HandOverCell } from "../hand-over.ts";
import { createComposer, type MailRequest } from "../message.ts";
import { createTransport } from "../route-transport.ts";
import type { FromMailThread, LogLevel, MailThreadData, ToMailThread } from "./messages.ts";
import { OutgoingMessages } from "./outgoing-messages.ts";

const port = parentPort;
if (port === null) throw new Error("mail-worker runs as a worker");
const outgoing = new OutgoingMessages<FromMailThread>((messages) => port.postMessage(messages));
const say = (message: FromMailThread) => outgoing.say(message);

// Calls go first where processors are scarce. On Linux a priority belongs to the thread that sets it; elsewhere it would
// be the whole process's.
if (process.platform === "linux") setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

/** By id of the delivery: who waits for the main thread's answer. */
const asking = new Map<string, (untilMs: number) => void>();
const keeping = new Map<string, PromiseWithResolvers<void>>();

const { route, composer } = workerData as MailThreadData;
const transport = createTransport(route, {
  logger: { info: logAt("info"), warn: logAt("warn"), error: logAt("error") },
  keep(mail) {
    const kept = Promise.withResolvers<void>();
    keeping.set(mail.request.deliveryId, kept);
    say({ kind: "keep", mail });
    return kept.promise;
  },
});
const courier = new Courier(createComposer(composer), transport);

port.on("message", (messages: readonly ToMailThread[]) => messages.forEach(receive));

function receive(message: ToMailThread): void {
  switch (message.kind) {
    case "deliver":
      void deliver(message.request, message.cell);
      break;
    case "answer":
      asking.get(message.deliveryId)?.(message.untilMs);
      break;
    case "kept":
      if (message.problem === undefined) keeping.get(message.deliveryId)?.resolve();
      else keeping.get(message.deliveryId)?.reject(new Error(message.problem));
      break;
    case "close":
      void close();
      break;
  }
}

async function deliver(request: MailRequest, cell: HandOverCell): Promise<void> {
  const { deliveryId } = request;
  const permit = createPermit(cell, {
    ask() {
      const { promise, resolve } = Promise.withResolvers<number>();
      asking.set(deliveryId, resolve);
      say({ kind: "ask", deliveryId });
      return promise;
    },
    arrived: () => say({ kind: "arrived", deliveryId }),
  });
  const outcome = await courier.deliver(request, permit);
  asking.delete(deliveryId);
  keeping.delete(deliveryId);
  say({ kind: "done", deliveryId, outcome });
}

async function close(): Promise<void> {
  await courier.close();
  say({ kind: "closed" });
  outgoing.flush();
  port?.close();
}

function logAt(level: LogLevel) {
  return (fields: Readonly<Record<string, unknown>>, message: string) =>
    say({ kind: "log", level, fields, message });
}
