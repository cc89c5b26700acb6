/** SIGINT and SIGTERM: the first one asks for an orderly end, a second one ends at once. */
import { SIGNAL_EXIT_CODES } from "../exit-codes.ts";

type Interrupt = keyof typeof SIGNAL_EXIT_CODES;

export interface Interrupts {
  /** Aborted by the first one. */
  readonly signal: AbortSignal;
  readonly received: Interrupt | undefined;
  unwatch(): void;
}

/** From a terminal a Ctrl-C may come twice within milliseconds, once by way of npm: that is one wish to stop. */
const SAME_WISH_MS = 250;

export function watchInterrupts(): Interrupts {
  const controller = new AbortController();
  let firstMs: number | undefined;
  let received: Interrupt | undefined;
  const onSignal = (signal: Interrupt) => {
    firstMs ??= performance.now();
    received ??= signal;
    controller.abort();
    if (performance.now() - firstMs > SAME_WISH_MS) process.exit(SIGNAL_EXIT_CODES[signal]);
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    unwatch: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}
