/** Mails as people read them: a table of many, and one with all that happened to it. */
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { DeliveryKind, DeliveryState, type Delivery, type TimelineEntry } from "../client/contract.ts";
import { DELIVERY_STATES, type DeliveryStateName } from "./delivery-states.ts";
import { printable, renderFacts, renderTable, timeText } from "./table.ts";

const STATES: Readonly<Record<DeliveryStateName, DeliveryState>> = {
  queued: DeliveryState.QUEUED,
  sending: DeliveryState.SENDING,
  retrying: DeliveryState.RETRYING,
  sent: DeliveryState.SENT,
  failed: DeliveryState.FAILED,
  cancelled: DeliveryState.CANCELLED,
  expired: DeliveryState.EXPIRED,
  bounced: DeliveryState.BOUNCED,
};

export function deliveryState(name: DeliveryStateName): DeliveryState {
  return STATES[name];
}

/** @returns the number, where a newer service has a state that is not known here */
export function stateName(state: DeliveryState): string {
  return DELIVERY_STATES.find((name) => STATES[name] === state) ?? `state ${state}`;
}

/** @param widthLimit columns of the terminal; undefined: nothing is cut */
export function renderDeliveries(deliveries: readonly Delivery[], widthLimit: number | undefined): string {
  const rows = deliveries.map((delivery) => [
    delivery.deliveryId,
    timeText(dateOf(delivery.queueTime)).slice(0, "2026-11-22 14:05".length),
    stateName(delivery.state),
    String(delivery.attemptCount),
    delivery.recipient,
    delivery.reason,
  ]);
  return renderTable(["ID", "QUEUED (UTC)", "STATE", "TRIES", "TO", "REASON"], rows, widthLimit);
}

/** What it is, and below all that happened to it. @param now what "next attempt" is told against */
export function renderDelivery(delivery: Delivery, now: Date): string {
  const { state, reason, kind, nextAttemptTime, cancelRequested, timeline } = delivery;
  const isOver = delivery.endTime !== undefined;
  const next = dateOf(nextAttemptTime);
  const facts = renderFacts([
    ["mail", delivery.deliveryId],
    ["to", delivery.recipient],
    ["state", reason === "" ? stateName(state) : `${stateName(state)}: ${withoutState(reason, state)}`],
    ["", cancelRequested ? "to be cancelled unless the attempt under way succeeds" : ""],
    ["next attempt", next === undefined ? "" : `${timeText(next)} (${untilText(next, now)})`],
    ["kind", kind === DeliveryKind.TEST ? "test mail" : ""],
    ["user id", delivery.userId],
    ["organization", delivery.organizationId],
    ["message id", delivery.messageId],
    ["code expires", isOver || kind === DeliveryKind.TEST ? "" : timeText(dateOf(delivery.expireTime))],
  ]);
  return timeline.length === 0 ? facts : `${facts}\n${renderTimeline(timeline)}`;
}

/** An entry a line, with the time since the first one: how long it took is what people ask. Below attempts, each relay's word. */
function renderTimeline(timeline: readonly TimelineEntry[]): string {
  const start = dateOf(timeline[0]?.time);
  const entries = timeline.filter((entry, index) => !isSaidAlready(entry, timeline[index - 1]));
  const sinces = entries.map(({ time }) => sinceText(start, dateOf(time)));
  const width = Math.max(...sinces.map((since) => since.length));
  return entries
    .map((entry, index) => {
      const since = (sinces[index] ?? "").padStart(width);
      return `${timeText(dateOf(entry.time))}  ${since}  ${linesOf(entry).map(printable).join(`\n${REPLY_INDENT}`)}\n`;
    })
    .join("");
}

const REPLY_INDENT = " ".repeat(12);

/** After an attempt, that the mail came to the end which the attempt brought. */
function isSaidAlready({ entry, time }: TimelineEntry, before: TimelineEntry | undefined): boolean {
  if (entry.case !== "ended" || before?.entry.case !== "attempt") return false;
  const { state } = before.entry.value;
  return entry.value.state === state && dateOf(time)?.getTime() === dateOf(before.time)?.getTime();
}

function linesOf({ entry, summary, time }: TimelineEntry): string[] {
  if (entry.case !== "attempt" || entry.value.replies.length === 0) return [summary];
  const { number, state, nextAttemptTime, replies } = entry.value;
  const [ended, next] = [dateOf(time), dateOf(nextAttemptTime)];
  const outcome = state === DeliveryState.RETRYING ? "failed for now" : stateName(state);
  const after = next === undefined || ended === undefined ? "" : `, next one ${untilText(next, ended)}`;
  return [
    `attempt ${number}: ${outcome}${after}`,
    ...replies.map(({ relay, text }) => `${relay} said ${text === "" ? "nothing" : text}`),
  ];
}

/** Reasons of those that people cancelled begin with the state. */
function withoutState(reason: string, state: DeliveryState): string {
  const name = stateName(state);
  return reason.startsWith(`${name} `) ? reason.slice(name.length + 1) : reason;
}

function dateOf(time: Timestamp | undefined): Date | undefined {
  return time === undefined ? undefined : timestampDate(time);
}

/** `+0.4 s`, `+12 s`, `+3 min`, `+2 h`, `+3 d` */
function sinceText(start: Date | undefined, time: Date | undefined): string {
  if (start === undefined || time === undefined) return "";
  return `+${spanText(Math.max(time.getTime() - start.getTime(), 0))}`;
}

function untilText(time: Date, now: Date): string {
  const ms = time.getTime() - now.getTime();
  return ms <= 0 ? "at once" : `in ${spanText(ms)}`;
}

function spanText(ms: number): string {
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 119_500) return `${Math.round(ms / 1_000)} s`;
  if (ms < 119.5 * 60_000) return `${Math.round(ms / 60_000)} min`;
  const hours = ms / 3_600_000;
  return hours < 47.5 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
}
