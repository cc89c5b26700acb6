/**
 * What an HTML template may not hold: anything that a mail program would load or run, and placeholders where escaping
 * does not keep a value in its place.
 *
 * Operators are trusted with their own folder; this finds slips, and what was copied from elsewhere without a look. It
 * takes what is known to be harmless and refuses the rest.
 */

export interface HtmlProblem {
  readonly text: string;
  /** Where in the source, in UTF-16 code units. */
  readonly index: number;
}

const ELEMENTS = new Set(
  (
    "html head meta title style body table caption colgroup col thead tbody tfoot tr td th div span p h1 h2 h3 h4 h5 h6 a b " +
    "strong i em u s small sub sup br hr ul ol li dl dt dd pre code kbd blockquote center font abbr address article section " +
    "header footer main nav aside img bdi bdo time mark wbr xml"
  ).split(" "),
);
// Outlook's own, in its conditional comments.
const OUTLOOK_ELEMENT = /^[ovwx]:[a-z]+$/;
const LOADING_ATTRIBUTES = new Set([
  "src",
  "srcset",
  "background",
  "poster",
  "data",
  "lowsrc",
  "dynsrc",
  "codebase",
  "xlink:href",
]);
const HARMLESS_HTTP_EQUIV = new Set(["content-type", "x-ua-compatible"]);

const TAG = /<([a-z][a-z0-9:-]*)((?:[^"'<>]|"[^"]*"|'[^']*')*)>/iy;
const END_TAG = /<\/[a-z][a-z0-9:-]*\s*>/iy;
const CONDITIONAL_COMMENT = /<!--\[if [^\]]*\]>/iy;
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>`]+))?/g;
const MUSTACHE_COMMENT = /\{\{![^]*?\}\}/g;
const INLINE_IMAGE = /^data:image\/(?:png|gif|jpeg|webp);base64,[a-z0-9+/=\s]*$/i;
const LINK_TARGET = /^(?:https?:\/\/|mailto:|tel:|#)/i;
const LOADING_CSS = /@import|\b(?:url|src|image|image-set|-webkit-image-set)\s*\((?!\s*["']?data:image\/)/i;
const RUNNING_CSS = /expression\s*\(|behavior\s*:|-moz-binding/i;

/** Every problem of a template that is valid Mustache. */
export function htmlProblems(source: string): readonly HtmlProblem[] {
  // Of the same length, so that what follows keeps its place.
  const html = source.replace(MUSTACHE_COMMENT, (comment) => comment.replace(/[^\n]/g, " "));
  const problems: HtmlProblem[] = [];
  let position = html.indexOf("<");
  while (position !== -1) {
    position = html.indexOf("<", readMarkup(html, position, problems));
  }
  return problems;
}

/** @returns where to go on after the markup that begins at the `<` */
function readMarkup(html: string, at: number, problems: HtmlProblem[]): number {
  const report = (text: string, index = at) => void problems.push({ text, index });
  if (html.startsWith("<!--", at)) {
    // What such a comment hides from others is shown by Outlook.
    const opening = matchAt(CONDITIONAL_COMMENT, html, at);
    if (opening !== undefined) return at + opening[0].length;
    const end = html.indexOf("-->", at);
    if (end === -1) report("a comment is not closed with -->");
    return end === -1 ? html.length : end + 3;
  }
  if (html.startsWith("<!", at)) return Math.max(at + 2, html.indexOf(">", at) + 1);
  if (/^<[/?a-z]/i.test(html.slice(at, at + 2))) {
    const end = matchAt(END_TAG, html, at);
    if (end !== undefined) return at + end[0].length;
    const tag = matchAt(TAG, html, at);
    if (tag === undefined) {
      report(`${JSON.stringify(html.slice(at, at + 20))} is not a tag that is closed with >`);
      return at + 1;
    }
    return readTag(html, tag, problems);
  }
  return at + 1;
}

function readTag(html: string, tag: RegExpExecArray, problems: HtmlProblem[]): number {
  const [whole, spelling = "", attributes = ""] = tag;
  const element = spelling.toLowerCase();
  const after = tag.index + whole.length;
  if (!ELEMENTS.has(element) && !OUTLOOK_ELEMENT.test(element)) {
    const text = `<${element}> is refused: mails neither load nor run anything, and hold no forms`;
    problems.push({ text, index: tag.index });
  }
  const attributesAt = tag.index + 1 + spelling.length;
  if (/\{\{/.test(attributes.replace(/"[^"]*"|'[^']*'/g, ""))) {
    problems.push({ text: `<${element}> has a placeholder outside of quotes`, index: tag.index });
  } else {
    for (const match of attributes.matchAll(ATTRIBUTE)) {
      const [, name = "", quoted = ""] = match;
      const value = quoted.replace(/^(["'])(.*)\1$/s, "$2").trim();
      const text = attributeProblem(element, name.toLowerCase(), value);
      if (text !== undefined) problems.push({ text, index: attributesAt + match.index });
    }
  }
  if (element !== "style") return after;
  const end = html.toLowerCase().indexOf("</style", after);
  const css = html.slice(after, end === -1 ? html.length : end);
  const text = cssProblem(css);
  if (text !== undefined) problems.push({ text: `<style> ${text}`, index: tag.index });
  return after + css.length;
}

function attributeProblem(element: string, name: string, value: string): string | undefined {
  if (name.startsWith("on")) return `${name}="..." is refused: mails run nothing`;
  if (LOADING_ATTRIBUTES.has(name) && !(name === "src" && INLINE_IMAGE.test(value))) {
    return `${name}="..." on <${element}> is refused: mails load nothing; an image can be data:image/png;base64,...`;
  }
  if (name === "http-equiv" && !HARMLESS_HTTP_EQUIV.has(value.toLowerCase())) {
    return `http-equiv=${JSON.stringify(value.slice(0, 30))} is refused: mails neither load nor run anything`;
  }
  if (name === "href" && !/^\{\{\s*link\s*\}\}$/.test(value)) {
    if (!LINK_TARGET.test(value) || value.includes("{{")) {
      return 'href="..." has to be {{link}} alone, or an address of its own that begins with https:, mailto:, tel: or #';
    }
  }
  if (name !== "style") return undefined;
  const problem = /&(?!quot;|apos;|amp;|#39;)/.test(value)
    ? "has an entity in it: write the character"
    : cssProblem(value);
  return problem === undefined ? undefined : `style="..." ${problem}`;
}

function cssProblem(css: string): string | undefined {
  if (css.includes("{{")) return "has a placeholder in it: values are not escaped for CSS";
  if (css.includes("\\")) return "has an escape in it: write the character";
  if (LOADING_CSS.test(css)) return "is refused: mails load nothing, neither by url(...) nor by @import";
  if (RUNNING_CSS.test(css)) return "is refused: mails run nothing";
  return undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
