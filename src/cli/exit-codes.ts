/** Exit codes of the commands; docs/cli.md tells operators. */
export const EXIT_OK = 0;
/** Not done, and stderr says why. */
export const EXIT_FAILED = 1;
/** Wrong usage or settings: nothing was begun. */
export const EXIT_USAGE = 2;
/** An import came to its end, but rows were rejected. */
export const EXIT_REJECTED = 3;
/** What a shell reports for a process that a signal ended: 128 and the signal's number. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
