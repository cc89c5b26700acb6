/** Every path that is no call: health, the description of the API, the verification page, the dev inbox. */
import type { PersonalAccessTokens } from "../access/personal-access-tokens.ts";
import type { Inbox } from "../mail/inbox/inbox.ts";
import { packageVersion } from "../observability/package-version.ts";
import type { Readiness } from "../rpc/readiness.ts";
import type { ServiceTable } from "../rpc/service-table.ts";
import { createOpenApiPage } from "../transport/openapi/openapi-page.ts";
import type { Page } from "../transport/page-handler.ts";
import { createHealthzPage, createReadyzPage } from "../web/health-pages.ts";
import { createInboxPages } from "../web/inbox-page.ts";
import { createVerifyPages } from "../web/verify/verify-page.ts";
import { listensOnLoopback } from "./listening-host.ts";
import type { Sources } from "./sources.ts";
import { verifyPageOptions, type VerifyPageParts } from "./verify-page-options.ts";

export interface PageParts extends VerifyPageParts {
  readonly sources: Sources;
  readonly readiness: Readiness;
  readonly services: ServiceTable;
  /** Undefined where mail goes elsewhere. */
  readonly inbox: Inbox | undefined;
  readonly accessTokens: PersonalAccessTokens;
  /** The account whose token opens an inbox that is not on loopback. */
  readonly adminId: string;
}

/** By their paths. */
export function createPages(parts: PageParts): ReadonlyMap<string, Page> {
  return new Map<string, Page>([
    ["/healthz", createHealthzPage()],
    ["/readyz", createReadyzPage(parts.readiness)],
    ["/openapi.json", createOpenApiPage(parts.services.services, packageVersion())],
    ...createVerifyPages(verifyPageOptions(parts)),
    ...(parts.inbox === undefined ? [] : inboxPages(parts.inbox, parts)),
  ]);
}

function inboxPages(
  inbox: Inbox,
  { config, sources, accessTokens, adminId }: PageParts,
): ReadonlyMap<string, Page> {
  const isAdminToken = async (tokenHash: string) =>
    (await accessTokens.findCallerByHash(tokenHash))?.userId === adminId;
  const isSecure = config.tls !== undefined || config.publicUrl?.startsWith("https:") === true;
  return createInboxPages({
    inbox,
    ...(!listensOnLoopback(config.listen.host) && { signIn: { ...sources, isAdminToken, isSecure } }),
  });
}
