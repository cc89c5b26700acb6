/** How callers are known: by the tokens of service accounts, and by the JWTs of one issuer where the settings name one. */
import { Authenticator } from "../access/authenticator.ts";
import { PersonalAccessTokens } from "../access/personal-access-tokens.ts";
import { TokenUses } from "../access/token-uses.ts";
import type { Config } from "../config.ts";
import type { Logger } from "../observability/logger.ts";
import type { Store } from "../store/store.ts";
import type { Sources } from "./sources.ts";

export interface CallerParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly sources: Sources;
  readonly store: Store;
}

export interface Callers {
  readonly authenticator: Authenticator;
  readonly accessTokens: PersonalAccessTokens;
  readonly tokenUses: TokenUses;
  /** Writes down the last uses of tokens, and fetches no more keys. */
  close(): Promise<void>;
}

export async function createCallers(parts: CallerParts): Promise<Callers> {
  const { logger, sources, store } = parts;
  const jwt = await acceptJwts(parts);
  const tokenUses = new TokenUses({ store, logger });
  const accessTokens = new PersonalAccessTokens({ store, nowMs: sources.nowMs, uses: tokenUses });
  return {
    authenticator: new Authenticator(store, accessTokens, jwt?.callers),
    accessTokens,
    tokenUses,
    async close() {
      await tokenUses.stop();
      await jwt?.keys.close();
    },
  };
}

/** The issuer's keys are fetched from here on; nothing waits for them. */
async function acceptJwts({
  config: { jwt, urlTemplateHosts },
  logger,
  sources: { nowMs },
  store,
}: CallerParts) {
  if (jwt === undefined) return undefined;
  if (urlTemplateHosts === undefined) {
    logger.warn(
      "people with JWTs may have links to hosts of their own mailed to others: set COUNTERSIGN_URL_TEMPLATE_HOSTS",
    );
  }
  const [{ IssuerKeys }, { JwtCallers }, { JwtVerifier }] = await Promise.all([
    import("../access/jwt/issuer-keys.ts"),
    import("../access/jwt/jwt-callers.ts"),
    import("../access/jwt/jwt-verifier.ts"),
  ]);
  const { issuer, audiences, jwksUrl } = jwt;
  const keys = new IssuerKeys({ url: jwksUrl.reveal(), nowMs, logger });
  keys.start();
  const verifier = new JwtVerifier({ issuer, audiences, keys, nowMs, logger });
  return { keys, callers: new JwtCallers(store, verifier) };
}
