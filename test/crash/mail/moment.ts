/** When something was seen by this process, on a clock that callers and relay share. */
import { performance } from "node:perf_hooks";

export interface Moment {
  /** Milliseconds since the Unix epoch. */
  readonly ms: number;
  /** Of the event loop: what became readable within one turn is read in any order. */
  readonly turn: number;
}

export function thisMoment(): Moment {
  return {
    ms: performance.timeOrigin + performance.now(),
    turn: performance.nodeTiming.uvMetricsInfo.loopCount,
  };
}
