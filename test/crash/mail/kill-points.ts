/** Where the service is killed: as data, for the run, the checker and the table. */
import type { RelayPoint } from "../../support/recording-relay.ts";
import type { MailStep } from "./dies-at-mail-step.ts";

export interface KillPoint {
  readonly name: string;
  readonly how:
    /**
     * The relay holds the mail there and lets none of the others past it; what was past is settled. Then comes the kill,
     * so that it meets mails before this point and at it, and none after it.
     */
    | { readonly kind: "quiet"; readonly point: RelayPoint }
    /** The kill comes the moment the mail is there, whatever the others do. */
    | { readonly kind: "at-once"; readonly points: readonly RelayPoint[] }
    /** The process kills itself. Meanwhile the relay holds all mails before MAIL FROM or RCPT TO. */
    | { readonly kind: "step"; readonly step: Exclude<MailStep, "outcome"> }
    /** The process kills itself, and the relay works. */
    | { readonly kind: "step-under-way"; readonly step: "outcome" }
    | { readonly kind: "any-moment" }
    /** No kill: stopped for longer than the lease, continued, and ended in good order. */
    | { readonly kind: "stopped"; readonly points: readonly RelayPoint[] };
  /** Mails that had their final dot may be sent again. */
  readonly mayRepeat: boolean;
}

const ALL_POINTS: readonly RelayPoint[] = ["connect", "mail", "recipient", "data", "dot", "accepted"];

export const KILL_POINTS: readonly KillPoint[] = [
  { name: "after commit, before the reply", how: { kind: "step", step: "commit" }, mayRepeat: false },
  { name: "after claim", how: { kind: "step", step: "claim" }, mayRepeat: false },
  { name: "after connect", how: { kind: "quiet", point: "connect" }, mayRepeat: false },
  { name: "after MAIL", how: { kind: "quiet", point: "mail" }, mayRepeat: false },
  { name: "after RCPT", how: { kind: "quiet", point: "recipient" }, mayRepeat: false },
  { name: "inside DATA", how: { kind: "step", step: "half-body" }, mayRepeat: false },
  { name: "after the final dot, before 250", how: { kind: "at-once", points: ["dot"] }, mayRepeat: true },
  { name: "after 250", how: { kind: "at-once", points: ["accepted"] }, mayRepeat: true },
  {
    name: "after 250, before the status write",
    how: { kind: "step-under-way", step: "outcome" },
    mayRepeat: true,
  },
  { name: "during takeover", how: { kind: "at-once", points: ALL_POINTS }, mayRepeat: true },
  { name: "any moment", how: { kind: "any-moment" }, mayRepeat: true },
];

export const STOPPED: KillPoint = {
  name: "SIGSTOP past the lease",
  how: { kind: "stopped", points: ALL_POINTS },
  mayRepeat: true,
};

export function killPoint(name: string): KillPoint {
  const found = [...KILL_POINTS, STOPPED].find((point) => point.name === name);
  if (found === undefined) throw new Error(`there is no kill point "${name}"`);
  return found;
}
