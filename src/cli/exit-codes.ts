/** Exit codes of the commands; docs/cli.md tells operators. They never change their meaning. */
export const EXIT_OK = 0;
/** Not done, and stderr says why. */
export const EXIT_FAILED = 1;
/** Wrong usage or settings: nothing was begun. */
export const EXIT_USAGE = 2;
/** An import came to its end, but rows were rejected. */
export const EXIT_REJECTED = 3;
/** There is no such user, mail, or whatever else was asked for. */
export const EXIT_NOT_FOUND = 4;
/** The service cannot be called, or cannot do anything now: later it may. */
export const EXIT_UNAVAILABLE = 5;
/** There is no token, the service refuses it, or it allows too little. */
export const EXIT_NOT_ALLOWED = 6;
/** What a shell reports for a process that a signal ended: 128 and the signal's number. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
