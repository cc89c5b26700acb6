import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { escapeHtml, Html, html } from "../../../src/web/html.ts";

test("escapes text and leaves HTML alone", () => {
  const item = html`<b>${"<&>\"'"}</b>`;
  expect(html`<p title="${'"'}">${item}${[item, 1]}${undefined}</p>`.text).toBe(
    '<p title="&quot;"><b>&lt;&amp;&gt;&quot;&#39;</b><b>&lt;&amp;&gt;&quot;&#39;</b>1</p>',
  );
});

test("no text opens a tag, ends an attribute, or is lost", () => {
  const entities = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" } as Record<
    string,
    string
  >;
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const escaped = escapeHtml(text);
      expect(escaped).not.toMatch(/[<>"'\0]|&(?!(?:lt|gt|quot|amp|#39);)/);
      const back = escaped.replace(/&[a-z0-9#]+;/g, (entity) => entities[entity] ?? entity);
      expect(back).toBe(text.toWellFormed().replaceAll("\0", "\uFFFD"));
    }),
  );
});

test("an Html value is what it was made of", () => {
  expect(html`${new Html("<br>")}`.text).toBe("<br>");
});
