/** The log: one line of JSON per event on stderr, or the same made readable for people. */
import { writeSync } from "node:fs";
import { createRequire } from "node:module";
import pino from "pino";
import type PinoPretty from "pino-pretty";

export type Logger = pino.Logger;

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";
export type LogFormat = "json" | "pretty";

export interface LoggerOptions {
  /** The least severe level that is written; `silent` writes nothing. */
  readonly level: LogLevel;
  /** `json`: one object per line; `pretty`: text for a terminal. */
  readonly format: LogFormat;
  /** Takes whole lines. Default: stderr. */
  readonly destination?: { write(line: string): unknown };
  /** Whether `pretty` uses colours. Default: whether stderr is a terminal that wants them. */
  readonly colors?: boolean;
}

// The first line of defence is that nobody logs these. In the line of JSON, a quote within a text is escaped, so
// `"name":` can only be a key; that finds them at every depth, for a tenth of what pino's `redact` costs each line.
const CONFIDENTIAL =
  /"((?:proxy-)?authorization|(?:set-)?cookie|(?:admin)?token|password|secret)":(?:"(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*",?)*\])/gi;

export function createLogger(options: LoggerOptions): Logger {
  const destination =
    options.destination ?? (options.format === "json" ? bufferedStderr() : pino.destination(2));
  return pino(
    {
      level: options.level,
      // No pid and host name: whoever collects the lines knows where they come from.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: plainError },
      hooks: { streamWrite: (line) => line.replace(CONFIDENTIAL, '"$1":"[redacted]"') },
    },
    options.format === "json"
      ? destination
      : prettyStream(destination, options.colors ?? terminalWantsColors()),
  );
}

/**
 * An error without what its maker hung on it: node's URL errors carry the URL, and with it a code. Messages and stacks of
 * causes are joined to the error's own.
 */
function plainError(error: unknown): object {
  const { type, message, stack, code } = pino.stdSerializers.err(error as Error);
  return { type, message, stack, ...(code !== undefined && { code: String(code) }) };
}

const STDERR = 2;
/** Of text that waits until it is written: some fifty calls. */
const BUFFERED_LENGTH = 16_384;
/** What a slow reader may leave waiting; the lines beyond are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Longest time that a line waits for others. */
const FLUSH_INTERVAL_MS = 100;

/** One for all loggers of the process. */
let stderr: pino.DestinationStream | undefined;

/**
 * Lines travel together, so that a call does not pay for a write of its own. What is left at the exit, an uncaught
 * exception's included, is written then; only SIGKILL takes the last lines along.
 */
function bufferedStderr(): pino.DestinationStream {
  if (stderr !== undefined) return stderr;
  let lines = "";
  // What a slow reader has not taken yet.
  let unwritten = Buffer.alloc(0);
  const flush = () => {
    if (lines === "" && unwritten.length === 0) return;
    unwritten = unwritten.length === 0 ? Buffer.from(lines) : Buffer.concat([unwritten, Buffer.from(lines)]);
    lines = "";
    try {
      while (unwritten.length > 0) unwritten = unwritten.subarray(writeSync(STDERR, unwritten));
    } catch (error) {
      // A reader that is slow gets the lines later. One that is gone must not keep the process from ending.
      const isSlow = (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (!isSlow || unwritten.length > MAX_WAITING_BYTES) unwritten = Buffer.alloc(0);
    }
  };
  setInterval(flush, FLUSH_INTERVAL_MS).unref();
  process.on("exit", flush);
  stderr = {
    write(line) {
      lines += line;
      if (lines.length >= BUFFERED_LENGTH) flush();
    },
  };
  return stderr;
}

/** In this process and synchronous, unlike pino-pretty as a transport, which is a worker thread. */
function prettyStream(
  destination: { write(line: string): unknown },
  colors: boolean,
): pino.DestinationStream {
  // Loaded here, because where nobody watches nothing needs it.
  const pinoPretty = createRequire(import.meta.url)("pino-pretty") as typeof PinoPretty;
  const prettify = pinoPretty.prettyFactory({
    colorize: colors,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
  });
  return { write: (line) => void destination.write(prettify(line)) };
}

function terminalWantsColors(): boolean {
  return process.stderr.isTTY && process.stderr.hasColors();
}
