/** A read took longer than it was allowed, and has nothing to show for it. */
export class TimedOut extends Error {}
