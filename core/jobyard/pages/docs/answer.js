// What came back: status, headers, body.

import { copyButton, make } from "./dom.js";

const LARGEST_COLOURED = 64 * 1024;
const JSON_TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;

/** Show an answer, whole or as much of it as has come. */
export function showAnswer(found, done) {
  const text = readable(found, done);
  return [
    make(
      "p",
      { class: "status" },
      make("strong", { class: `status-${Math.floor(found.status / 100)}` }, `${found.status} ${found.phrase}`.trim()),
      make("span", {}, `${Math.round(found.milliseconds)} ms`),
      make("span", {}, size(found.size)),
      found.cut && make("span", {}, "cut off here"),
      !done && make("span", {}, "still coming …"),
    ),
    make(
      "details",
      { class: "headers" },
      make("summary", {}, `${found.headers.length} headers`),
      make("dl", {}, found.headers.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    ),
    body(found, text),
  ];
}

/** Show that no answer came, and what is known of why. */
export function showFailure(error) {
  const text =
    error.name === "AbortError"
      ? "Stopped before an answer came."
      : "No answer came. The gateway may be down, or it sent the browser to another host, where this page may not go.";
  return [make("p", { class: "problem" }, text)];
}

function body(found, text) {
  if (found.binary) return make("p", { class: "hint" }, `${size(found.size)} of binary data.`);
  if (!text) return make("p", { class: "hint" }, "The body is empty.");
  const pre = make("pre", { tabindex: "0", "aria-label": "Body" });
  if (found.type.includes("json") && text.length < LARGEST_COLOURED) pre.append(...coloured(text));
  else pre.textContent = text;
  return make("div", { class: "code" }, pre, copyButton(() => text, "the body"));
}

function readable(found, done) {
  if (!done || !found.type.includes("json")) return found.text;
  try {
    return JSON.stringify(JSON.parse(found.text), null, 2);
  } catch {
    return found.text;
  }
}

function coloured(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(JSON_TOKEN)) {
    const [whole, string, colon] = match;
    const kind = colon ? "key" : string ? "string" : "literal";
    nodes.push(text.slice(end, match.index), make("span", { class: kind }, string ?? whole), colon ?? "");
    end = match.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
