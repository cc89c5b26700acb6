/** What happened to a mail, one line for each entry of its timeline, for people who look for what went wrong. */
import {
  bounceWords,
  type BounceType,
  type DeliveryState,
  type DeliveryTry,
  type TimelineEvent,
} from "../store/deliveries.ts";

/** @param atMs when it happened, milliseconds since the Unix epoch */
export function summaryOf(event: TimelineEvent, atMs: number): string {
  switch (event.kind) {
    case "attempt": {
      const next = event.retryAtMs === undefined ? "" : `; next attempt ${inTime(event.retryAtMs - atMs)}`;
      return `attempt ${event.number} ${ATTEMPT_WORDS[event.state]}: ${repliesOf(event.tries, event.problem)}${next}`;
    }
    case "retryRequested":
      return `made due at once by ${event.by}`;
    case "cancelRequested":
      return `${event.by} asked to cancel it while it was being sent`;
    case "ended":
      return event.problem === undefined ? event.state : endOf(event.state, event.problem);
    case "bounce": {
      const { type, reportingServer, suppresses } = event;
      const words = bounceWords(event);
      const who = reportingServer === "" ? "" : ` at ${reportingServer}`;
      return (
        `${BOUNCE_WORDS[type]}${who}${words === "" ? "" : `: ${words}`}` +
        (suppresses ? "; the address takes no mail from now on" : "")
      );
    }
  }
}

const ATTEMPT_WORDS: Readonly<Record<DeliveryState, string>> = {
  queued: "came to nothing",
  sending: "is under way",
  sent: "succeeded",
  retrying: "failed for now",
  failed: "failed",
  cancelled: "failed",
  expired: "failed",
  bounced: "succeeded",
};

const BOUNCE_WORDS: Readonly<Record<BounceType, string>> = {
  permanent: "came back for good",
  transient: "came back",
  complaint: "called unwanted by its reader",
  delayed: "late, but still tried",
};

/** Reasons begin with the state where people cancelled. */
function endOf(state: DeliveryState, problem: string): string {
  return problem.startsWith(state) ? problem : `${state}: ${problem}`;
}

function repliesOf(tries: readonly DeliveryTry[], problem: string | undefined): string {
  if (tries.length === 0) return problem ?? "no relay was asked";
  return tries.map(({ relay, text }) => `${relay} said ${text === "" ? "nothing" : text}`).join(", then ");
}

function inTime(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds <= 0) return "at once";
  if (seconds < 120) return `in ${seconds} s`;
  return `in ${Math.round(seconds / 60)} min`;
}
