/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context-2/): where a call stands in the trace of its caller.
 *
 * Read strictly: a traceparent that breaks a rule counts as none, a tracestate that does is left out.
 */

export interface Trace {
  /** 32 hexadecimal digits, the same in every service that takes part. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the caller's span. */
  readonly parentId: string;
  readonly isSampled: boolean;
  /** What tracing systems pass on to each other, as it came; undefined where there is none. */
  readonly state: string | undefined;
}

/** version, trace-id, parent-id, flags; versions to come may go on after another dash. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const CURRENT_VERSION = "00";
const FORBIDDEN_VERSION = "ff";
const SAMPLED_FLAG = 0x01;
const ZEROS = /^0+$/;

/** What every receiver has to be able to pass on; longer ones need not be. */
const MAX_STATE_LENGTH = 512;
const MAX_STATE_MEMBERS = 32;
/** `key=value`: the value is printable ASCII without comma and equals sign, and does not end in a space. */
const STATE_MEMBER =
  /^([a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2B\x2D-\x3C\x3E-\x7E]{0,255}[\x21-\x2B\x2D-\x3C\x3E-\x7E]$/;

/**
 * @param traceparent value of the header, null where there is none
 * @param tracestate several headers joined by commas, as HTTP allows
 */
export function parseTrace(traceparent: string | null, tracestate: string | null): Trace | undefined {
  if (traceparent === null) return undefined;
  const [, version, traceId = "", parentId = "", flags = "", rest] = TRACEPARENT.exec(traceparent) ?? [];
  if (version === undefined || version === FORBIDDEN_VERSION) return undefined;
  if (version === CURRENT_VERSION && rest !== undefined) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(parentId)) return undefined;
  return {
    traceId,
    parentId,
    isSampled: (Number.parseInt(flags, 16) & SAMPLED_FLAG) !== 0,
    state: tracestate !== null && isValidState(tracestate) ? tracestate : undefined,
  };
}

function isValidState(tracestate: string): boolean {
  if (tracestate.length > MAX_STATE_LENGTH) return false;
  // Members may be empty, but not all of them.
  const members = tracestate
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = members.map((member) => STATE_MEMBER.exec(member)?.[1]);
  return (
    keys.length > 0 &&
    keys.length <= MAX_STATE_MEMBERS &&
    !keys.includes(undefined) &&
    new Set(keys).size === keys.length
  );
}
