import type { Config } from "../config.ts";
import type { Policy, SendLimits } from "../verification/environment.ts";

/** Wrong tries of all clients together, per try that one client has. */
const ATTEMPTS_IN_ALL_FACTOR = 10;

/**
 * The settings that decisions look at.
 * @param publicUrl origin of the links in mails, without a trailing slash
 */
export function policyOf(config: Config, publicUrl: string): Policy {
  return {
    codeTtlMs: config.codeTtlMs,
    maxAttemptsPerClient: config.codeMaxAttempts,
    maxAttemptsPerCode: config.codeMaxAttempts * ATTEMPTS_IN_ALL_FACTOR,
    maxFailuresPerDay: config.maxFailuresPerDay,
    liveCodes: config.liveCodes,
    ...sendLimitsOf(config),
    addressChangeNotice: config.addressChangeNotice,
    defaultUrlTemplate: `${publicUrl}/verify?code={{.Code}}&orgId={{.OrgID}}&userId={{.UserID}}`,
    links: { allowedHosts: config.urlTemplateHosts },
  };
}

/** Absent where none is set: decisions then look at none. */
function sendLimitsOf(config: Config): Pick<Policy, "sends"> {
  const sends: SendLimits = {
    mode: config.limits,
    cooldownMs: config.sendCooldownMs,
    perAddress: config.sendsPerHour,
    perUser: config.userSendsPerHour,
    perPrincipal: config.principalSendsPerHour,
    perClient: config.clientSendsPerHour,
  };
  const { mode: _mode, ...limits } = sends;
  return Object.values(limits).some((limit) => limit > 0) ? { sends } : {};
}
