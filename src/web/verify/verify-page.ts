/**
 * The page behind the link of a mail.
 *
 * Mail scanners open links, and by now run scripts, so opening changes nothing whatever runs: GET shows a form with the
 * code filled in, and only a press on its button verifies. With scripts the page calls VerifyEmail over gRPC-Web and shows
 * what becomes of it (browser/page.ts); without, the button sends the form and the answer is the page in its next state.
 *
 * The form takes no cookie and no session: who holds the code may use it. What another site makes a browser send is
 * refused all the same, so that nobody's browser can be made to guess. The page names no address, for who opens a link has
 * proven nothing.
 */
import type { Html } from "../html.ts";
import { pageResponse, type PageContent } from "../page.ts";
import { isCrossSite } from "../request-origin.ts";
import { accentStyle, type Branding, type BrandingOf } from "./branding.ts";
import { pageLocale } from "./page-locales.ts";
import type { PageLocale } from "./page-texts.ts";
import { returnTarget } from "./return-target.ts";
import { assetPage, ICON_PATH, SCRIPT_PATH, VerifyAssets } from "./verify-assets.ts";
import { VERIFY_STYLE } from "./verify-style.ts";
import {
  noticeBody,
  titleOf,
  verifyBody,
  type VerifyFields,
  type VerifyState,
  type VerifyView,
} from "./verify-view.ts";

export type VerifyOutcome = "verified" | "refused" | "unavailable";

export interface VerifyPageOptions {
  /** Submits a code for a user; whoever holds the code may. @param clientAddress IP address, for the limits */
  readonly verify: (
    userId: string,
    code: string,
    clientAddress: string,
    requestId?: string,
  ) => Promise<VerifyOutcome>;
  /** The tag of the language to answer in. @param acceptLanguage the header, "" without one */
  readonly chooseLanguage: (acceptLanguage: string) => string;
  /** Default: every page looks the same. */
  readonly brandingOf?: BrandingOf;
  /** Hosts that `continue` of a link may lead to, as in COUNTERSIGN_URL_TEMPLATE_HOSTS. Default: none. */
  readonly redirectHosts?: readonly string[];
  /** Told of a script that cannot be served. Default: nobody is; the page works without. */
  readonly onScriptMissing?: (error: unknown) => void;
}

type WebPage = (
  request: Request,
  peer: { readonly address: string; readonly requestId?: string },
) => Promise<Response>;

const FORM_TYPE = "application/x-www-form-urlencoded";
const STATUS: Record<VerifyState, number> = {
  ready: 200,
  verified: 200,
  refused: 400,
  missingCode: 400,
  unavailable: 503,
};
const NO_BRANDING: BrandingOf = () => Promise.resolve({});

/** The page at /verify and what it loads, by path. */
export function createVerifyPages(options: VerifyPageOptions): ReadonlyMap<string, WebPage> {
  const assets = new VerifyAssets();
  return new Map<string, WebPage>([
    ["/verify", createVerifyPage(options, assets)],
    [SCRIPT_PATH, assetPage(() => assets.script())],
    [ICON_PATH, assetPage(() => assets.icon)],
  ]);
}

/** Serves GET, HEAD and POST /verify. */
function createVerifyPage(options: VerifyPageOptions, assets: VerifyAssets): WebPage {
  const { verify, chooseLanguage, brandingOf = NO_BRANDING, redirectHosts = [], onScriptMissing } = options;

  async function scriptUrl(): Promise<string | undefined> {
    try {
      return (await assets.script()).url;
    } catch (error) {
      onScriptMissing?.(error);
      return undefined;
    }
  }

  async function show(desk: Desk, fields: VerifyFields, state: VerifyState): Promise<Response> {
    const { texts } = desk.locale;
    const branding = await brandingOf(fields.organizationId);
    const view: VerifyView = { texts, branding, fields, target: returnTarget(fields.onward, redirectHosts) };
    const script = state === "verified" ? undefined : await scriptUrl();
    const page = { title: titleOf(view, state), body: verifyBody(view, state), script };
    return respond(
      desk,
      STATUS[state],
      page,
      branding,
      state === "unavailable" ? { "retry-after": "5" } : {},
    );
  }

  function respond(
    { request, locale }: Desk,
    status: number,
    { title, body, script }: { title: string; body: Html; script?: string | undefined },
    branding: Branding,
    headers: Readonly<Record<string, string>> = {},
  ): Response {
    const content: PageContent = {
      title: branding.name === undefined ? title : `${title} - ${branding.name}`,
      body,
      width: "narrow",
      lang: locale.htmlLang,
      icon: assets.icon.url,
      style: VERIFY_STYLE + accentStyle(branding),
      ...(script !== undefined && { script }),
    };
    return pageResponse(request, status, content, headers);
  }

  async function notice(
    desk: Desk,
    status: number,
    kind: "incomplete" | "notAccepted",
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const { texts } = desk.locale;
    const branding = await brandingOf("");
    const [title, paragraphs] =
      kind === "incomplete"
        ? [texts.incompleteTitle, [texts.incompleteText, texts.incompleteNext]]
        : [texts.notAcceptedTitle, [texts.notAcceptedText]];
    return respond(desk, status, { title, body: noticeBody(branding, title, paragraphs) }, branding, headers);
  }

  return async (request, peer) => {
    const locale = pageLocale(chooseLanguage(request.headers.get("accept-language") ?? ""));
    const desk: Desk = { request, locale };
    if (request.method === "GET" || request.method === "HEAD") {
      const fields = fieldsOf(new URL(request.url).searchParams);
      return fields.userId === "" ? notice(desk, 400, "incomplete") : show(desk, fields, "ready");
    }
    if (request.method !== "POST") return notice(desk, 405, "notAccepted", { allow: "GET, HEAD, POST" });
    if (isCrossSite(request)) return notice(desk, 403, "notAccepted");
    if (mediaType(request) !== FORM_TYPE) return notice(desk, 415, "notAccepted", { accept: FORM_TYPE });
    const fields = fieldsOf(new URLSearchParams(await request.text()));
    const { userId, code } = fields;
    if (userId === "") return notice(desk, 400, "incomplete");
    if (code === "") return show(desk, fields, "missingCode");
    return show(desk, fields, await verify(userId, code, peer.address, peer.requestId));
  };
}

/** A request, and the language of its answer. */
interface Desk {
  readonly request: Request;
  readonly locale: PageLocale;
}

function fieldsOf(parameters: URLSearchParams): VerifyFields {
  const field = (name: string) => (parameters.get(name) ?? "").trim();
  return {
    userId: field("userId"),
    organizationId: field("orgId"),
    code: field("code"),
    onward: field("continue"),
  };
}

function mediaType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";", 1).join("").trim().toLowerCase();
}
