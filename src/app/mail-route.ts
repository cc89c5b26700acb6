/**
 * Where mail goes: to SMTP servers, to the operator's provider, or to the dev inbox, which shows codes. The inbox is
 * taken unasked only where nobody else can look into it.
 */
import type { Config } from "../config.ts";
import type { MailRoute } from "../mail/mail-route.ts";
import { endpointProblem } from "../mail/webhook/webhook-endpoint.ts";
import { StartError } from "../observability/start-error.ts";
import { listensOnLoopback } from "./listening-host.ts";

/** @throws StartError where mail has nowhere to go, two places to go, or a provider that cannot be used */
export function chooseMailRoute({ devInbox, smtpServers, mailWebhook, listen }: Config): MailRoute {
  const elsewhere =
    smtpServers.length > 0 ? "SMTP_URL" : mailWebhook === undefined ? undefined : "MAIL_WEBHOOK_URL";
  if (devInbox === true && elsewhere !== undefined) {
    throw new StartError(
      `COUNTERSIGN_DEV_INBOX=on and COUNTERSIGN_${elsewhere} are both set: mail goes to one of them, unset the other`,
    );
  }
  if (mailWebhook !== undefined) return webhookRoute(mailWebhook);
  if (elsewhere !== undefined) return smtpRoute(smtpServers);
  if (devInbox ?? listensOnLoopback(listen.host)) return { kind: "inbox" };
  throw new StartError(
    devInbox === false
      ? "mail has nowhere to go: COUNTERSIGN_DEV_INBOX is off; set COUNTERSIGN_SMTP_URL, for example smtp://user:pass@mail.example.com:587"
      : `mail has nowhere to go: the dev inbox is for loopback only and COUNTERSIGN_LISTEN is ${listen.host}:${listen.port}; ` +
          "set COUNTERSIGN_SMTP_URL, or COUNTERSIGN_DEV_INBOX=on to keep mails in an inbox behind the admin token",
  );
}

function smtpRoute(servers: Config["smtpServers"]): MailRoute {
  const relays = servers.map(({ password, ...server }) => ({
    ...server,
    ...(password !== undefined && { password: password.reveal() }),
  }));
  return { kind: "smtp", relays };
}

function webhookRoute({ url, secrets, allowPrivate }: NonNullable<Config["mailWebhook"]>): MailRoute {
  const endpoint = { url: url.reveal(), secrets: secrets.map((secret) => secret.reveal()), allowPrivate };
  const problem = endpointProblem(endpoint);
  if (problem !== undefined) throw new StartError(`COUNTERSIGN_MAIL_WEBHOOK_URL cannot be used: ${problem}`);
  return { kind: "webhook", endpoint };
}
