/** The log: one line of JSON per event on stderr, or the same made readable for people. */
import { writeSync } from "node:fs";
import { createRequire } from "node:module";
import pino from "pino";
import type * as PinoPretty from "pino-pretty";

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
const BUFFERED_BYTES = 4_096;
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
  let waiting = Buffer.alloc(0);
  const flush = () => {
    try {
      while (waiting.length > 0) waiting = waiting.subarray(writeSync(STDERR, waiting));
    } catch (error) {
      // A reader that is slow gets the lines later. One that is gone must not keep the process from ending.
      const isSlow = (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (!isSlow || waiting.length > MAX_WAITING_BYTES) waiting = Buffer.alloc(0);
    }
  };
  setInterval(flush, FLUSH_INTERVAL_MS).unref();
  process.on("exit", flush);
  stderr = {
    write(line) {
      waiting = Buffer.concat([waiting, Buffer.from(line)]);
      if (waiting.length >= BUFFERED_BYTES) flush();
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
