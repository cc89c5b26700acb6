/** What codes look like, how long they work, and how often they may be guessed at. */
import { UNAMBIGUOUS_ALPHABET } from "../../verification/code.ts";
import type { Setting } from "../setting.ts";
import { codeAlphabet } from "../values/code-alphabet.ts";
import { duration } from "../values/durations.ts";
import { wholeNumber } from "../values/whole-number.ts";

/** Six decimal digits have 19.9: the least that people know as a code, safe behind the attempt limits. */
export const MIN_CODE_ENTROPY_BITS = 19;

export const CODE_SETTINGS = {
  codeLength: {
    name: "CODE_LENGTH",
    schema: wholeNumber(4, 20),
    fallback: "6",
    example: "8",
    placeholder: "count",
    help: `Symbols per code, 4 to 20; with the alphabet, ${MIN_CODE_ENTROPY_BITS} bits of entropy or more.`,
  },
  codeAlphabet: {
    name: "CODE_ALPHABET",
    schema: codeAlphabet,
    fallback: UNAMBIGUOUS_ALPHABET,
    example: "0123456789ABCDEF",
    placeholder: "symbols",
    help: "Symbols that codes are made of, 2 to 256 distinct printable ASCII characters.",
  },
  codeTtlMs: {
    name: "CODE_TTL",
    schema: duration("1m", "7d"),
    fallback: "1h",
    example: "15m",
    placeholder: "duration",
    help: "How long a code can be used, 1m to 7d.",
  },
  codeMaxAttempts: {
    name: "CODE_MAX_ATTEMPTS",
    schema: wholeNumber(1, 1000),
    fallback: "5",
    example: "10",
    placeholder: "count",
    help: "Wrong tries per code and client, 1 to 1000; ten times that per code by all clients together.",
  },
  liveCodes: {
    name: "LIVE_CODES",
    schema: wholeNumber(1, 5),
    fallback: "1",
    example: "2",
    placeholder: "count",
    help: "How many of the newest codes work at a time, 1 to 5; they share one budget of wrong tries.",
  },
  maxFailuresPerDay: {
    name: "FAILURES_PER_DAY",
    schema: wholeNumber(0, 100_000),
    fallback: "100",
    example: "30",
    placeholder: "count",
    help: "Wrong tries per address and day, whatever the user, the code and the client, up to 100000; 0 for no such limit.",
  },
} as const satisfies Record<string, Setting>;
