import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { htmlProblems } from "../../../../src/mail/messages/html-safety.ts";

const text = (source: string) => htmlProblems(source).map(({ text: problem }) => problem);

test.each([
  "<p style=\"color:#fff;font-family:'Segoe UI',&quot;Arial&quot;\">{{code}}</p>",
  '<a href="{{link}}">{{link}}</a><a href=\'{{ link }}\'>x</a><a href="https://example.com/imprint?a=1&amp;b=2">x</a>',
  '<img alt="{{name}}" src="data:image/png;base64,iVBORw0KGgo=">',
  "<!-- <script> and {{name}} --><p>1 < 2, a <3</p>",
  "<!doctype html><html lang='{{lang}}' dir='{{dir}}'><meta http-equiv='Content-Type' content='text/html'>",
  "<style>.a { background: url(data:image/png;base64,AA) } @media (prefers-color-scheme: dark) { .a { color: #fff } }</style>",
  "<!--[if mso]><xml><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><![endif]-->",
  '<{{! a comment with < and > and " }}p>',
])("%s is harmless", (source) => {
  expect(htmlProblems(source)).toEqual([]);
});

describe("refused is", () => {
  test.each([
    ["<script>x</script>", "<script> is refused"],
    ["<SCRIPT src=x>", "<script> is refused"],
    ["<link rel=stylesheet href='https://x.example/a.css'>", "<link> is refused"],
    ["<iframe></iframe>", "<iframe> is refused"],
    ["<form action=x>", "<form> is refused"],
    ["<svg onload=x>", "<svg> is refused"],
    ["<base href='https://x.example'>", "<base> is refused"],
    ["<video/src=x>", "<video> is refused"],
    ["<!--[if mso]><script></script><![endif]-->", "<script> is refused"],
    ['<img src="http://x.example/a.png">', 'src="..." on <img> is refused'],
    ["<img src=//x.example/a.png>", 'src="..." on <img> is refused'],
    ['<img src="{{link}}">', 'src="..." on <img> is refused'],
    ['<img src="data:image/svg+xml;base64,AA">', 'src="..." on <img> is refused'],
    ['<img srcset="a.png 2x">', 'srcset="..." on <img> is refused'],
    ['<table background="https://x.example/a.png">', 'background="..." on <table> is refused'],
    ['<v:fill src="https://x.example/a.png">', 'src="..." on <v:fill> is refused'],
    ['<p onclick="x()">', 'onclick="..." is refused'],
    ['<meta http-equiv="refresh" content="0;url=https://x.example">', 'http-equiv="refresh" is refused'],
    ['<a href="javascript:x()">', 'href="..." has to be {{link}} alone'],
    ['<a href="&#106;avascript:x()">', 'href="..." has to be {{link}} alone'],
    ['<a href="https://x.example/?n={{name}}">', 'href="..." has to be {{link}} alone'],
    ['<a href="{{name}}">', 'href="..." has to be {{link}} alone'],
    ["<a href={{link}}>", "<a> has a placeholder outside of quotes"],
    ["<p {{name}}>", "<p> has a placeholder outside of quotes"],
    ['<p style="background:url(https://x.example)">', 'style="..." is refused: mails load nothing'],
    ['<p style="background:u\\72l(x)">', 'style="..." has an escape in it'],
    ['<p style="background:url&#40;x)">', 'style="..." has an entity in it'],
    ['<p style="color:{{name}}">', 'style="..." has a placeholder in it'],
    ['<p style="width:expression(x)">', 'style="..." is refused: mails run nothing'],
    ["<style>@import 'https://x.example/a.css';</style>", "<style> is refused: mails load nothing"],
    ["<style>a{background:URL ( 'x' )}</style>", "<style> is refused: mails load nothing"],
    ["<style>{{name}}</style>", "<style> has a placeholder in it"],
    ["<style>a{background:image-set('x' 1x)}</style>", "<style> is refused: mails load nothing"],
    ['<p class="x>', "is not a tag that is closed with >"],
    ["<p <b>", "is not a tag that is closed with >"],
    ["<?xml x?>", "is not a tag that is closed with >"],
    ["<!-- x", "a comment is not closed"],
  ])("%s", (source, problem) => {
    expect(text(`<p>{{code}}</p>\n${source}`)).toContainEqual(expect.stringContaining(problem));
  });
});

test("each problem tells where it is", () => {
  const source = '<p>\n\n<img\n  src="http://x.example">\n<script>';
  expect(htmlProblems(source).map(({ index }) => source.slice(index, index + 6))).toEqual([
    'src="h',
    "<scrip",
  ]);
});

test("of anything ends, and throws nothing", () => {
  const part = fc.constantFrom(
    "<",
    ">",
    "<!--",
    "-->",
    "<style>",
    "</style>",
    '"',
    "'",
    "{{",
    "}}",
    "=",
    "p",
    " ",
    "<a href=",
    "<!",
    "/",
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 200 }).map((parts) => parts.join("")),
      (source) => {
        for (const { index } of htmlProblems(source)) expect(index).toBeLessThan(source.length);
      },
    ),
  );
});
