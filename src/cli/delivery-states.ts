/** The states of mails, as flags and tables name them. Apart from all that calls the service, so that `--help` loads none of it. */
export const DELIVERY_STATES = [
  "queued",
  "sending",
  "retrying",
  "sent",
  "failed",
  "cancelled",
  "expired",
  "bounced",
] as const;

export type DeliveryStateName = (typeof DELIVERY_STATES)[number];
