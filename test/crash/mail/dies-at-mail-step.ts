/**
 * Loaded before the server: the process dies by SIGKILL at a step of the mail's way that no relay can see.
 * TEST_DIES_AT names the step and how often it may pass unharmed, as in `claim:2`.
 */
import { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { Client } from "pg";

export type MailStep =
  /** A commit that queued a mail was made, and the main thread is about to hear of it: no caller was answered. */
  | "commit"
  /** A claimed mail is about to go to the mail thread. */
  | "claim"
  /** The first half of a message was written to the relay. */
  | "half-body"
  /** The main thread is about to hear that the relay took a mail. */
  | "outcome";

/** What is read here of the messages between threads. */
interface Message {
  readonly kind?: string;
  readonly result?: { readonly commit?: { readonly queuedMail?: boolean } };
  readonly outcome?: { readonly kind?: string };
}

const [step, survived = "0"] = (process.env["TEST_DIES_AT"] ?? "").split(":");
let passed = 0;

function isLast(): boolean {
  return passed++ === Number(survived);
}

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

const { emit, postMessage } = Worker.prototype as { emit: Emit; postMessage: Worker["postMessage"] };
type Emit = (this: Worker, name: string | symbol, ...values: unknown[]) => boolean;

/** The mail thread and its main thread say several things at a time. */
function messagesIn(value: unknown): readonly Message[] {
  return Array.isArray(value) ? value : [value ?? {}];
}

function isStep({ kind, result, outcome }: Message): boolean {
  return step === "commit"
    ? kind === "batch" && result?.commit?.queuedMail === true
    : kind === "done" && outcome?.kind === "accepted";
}

function emitOrDie(this: Worker, name: string | symbol, ...values: unknown[]): boolean {
  const isMessage = name === "message";
  if (isMessage && messagesIn(values[0]).some((message) => isStep(message) && isLast())) die();
  return emit.call(this, name, ...values);
}

function postOrDie(this: Worker, ...values: Parameters<typeof postMessage>): void {
  if (messagesIn(values[0]).some(({ kind }) => kind === "deliver" && isLast())) die();
  postMessage.apply(this, values);
}

type Query = (this: Client, ...values: unknown[]) => unknown;
const client = Client.prototype as unknown as { query: Query };
const { query } = client;
const queueing = new WeakSet<Client>();

/** On PostgreSQL a commit that queued a mail is a COMMIT on a connection that wrote one before. */
function queryOrDie(this: Client, ...values: unknown[]): unknown {
  const answer = query.apply(this, values);
  const { text = "" } = (values[0] ?? {}) as { readonly text?: string };
  if (text.startsWith("INSERT INTO outbox")) queueing.add(this);
  if (text !== "COMMIT" || !queueing.delete(this)) return answer;
  return (answer as Promise<unknown>).then((committed) => {
    if (isLast()) die();
    return committed;
  });
}

// oxlint-disable-next-line typescript/unbound-method -- called with its socket below
const write = Socket.prototype.write as (this: Socket, ...values: unknown[]) => boolean;

function writeOrDie(this: Socket, ...values: unknown[]): boolean {
  const [bytes] = values;
  const isMessage = Buffer.isBuffer(bytes) && /^message-id:/im.test(bytes.toString("latin1"));
  if (isMessage && isLast()) {
    const half = bytes.subarray(0, bytes.length / 2);
    return write.call(this, half, undefined, die);
  }
  return write.apply(this, values);
}

if (step === "commit" || step === "outcome") (Worker.prototype as { emit: Emit }).emit = emitOrDie;
if (step === "commit") client.query = queryOrDie;
if (step === "claim") Worker.prototype.postMessage = postOrDie;
if (step === "half-body") Socket.prototype.write = writeOrDie;
