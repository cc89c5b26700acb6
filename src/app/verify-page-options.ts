/** What the verification page asks of the rest: verifying, the reader's language, the looks of an organization. */
import type { Config } from "../config.ts";
import { LanguageChoice, parseAcceptLanguage } from "../mail/messages/language-choice.ts";
import type { Logger } from "../observability/logger.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Store } from "../store/store.ts";
import { FailureError } from "../verification/failures.ts";
import type { Logos } from "../web/verify/logos.ts";
import { PAGE_LOCALES } from "../web/verify/page-locales.ts";
import type { VerifyPageOptions } from "../web/verify/verify-page.ts";

export interface VerifyPageParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  readonly logos: Logos;
}

export function verifyPageOptions({
  config,
  logger,
  store,
  environments,
  logos,
}: VerifyPageParts): VerifyPageOptions {
  const languages = new LanguageChoice(PAGE_LOCALES.keys());
  return {
    async verify(userId, code, clientAddress, requestId) {
      const candidates = environments.candidateMacs(userId, code);
      const client = `address:${clientAddress}`;
      try {
        const origin = { clientAddress, ...(requestId !== undefined && { requestId }) };
        const env = environments.plain({ kind: "anonymous" }, origin);
        await store.execute({ type: "email.verify", userId, candidates, client }, env);
        return "verified";
      } catch (error) {
        if (error instanceof FailureError && error.failure.name === "CODE_INVALID") return "refused";
        logger.warn({ err: error }, "the verification page could not verify");
        return "unavailable";
      }
    },
    chooseLanguage: (header) =>
      languages.lookUp([...parseAcceptLanguage(header), config.defaultLanguage]) ?? "en",
    async brandingOf(organizationId) {
      const { settings } = (await store.findOrganization(organizationId)) ?? {};
      const { displayName = "", color = "", logoUrl = "" } = settings ?? {};
      const logo = logoUrl === "" ? undefined : logos.find(logoUrl);
      return {
        ...(displayName !== "" && { name: displayName }),
        ...(color !== "" && { accentColor: color }),
        ...(logo !== undefined && { logo }),
      };
    },
    redirectHosts: config.verifyRedirectHosts,
    onScriptMissing: (error) => logger.warn({ err: error }, "the verification page goes without its script"),
  };
}
