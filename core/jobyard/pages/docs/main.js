// The page: loads the document, and shows its operations by their tags.

import { make, paragraphs, pathNodes } from "./dom.js";
import { operationCard, operationsOf } from "./operation.js";
import { Schemas } from "./schema.js";
import { mountSession } from "./session.js";

const byId = (id) => document.getElementById(id);
const address = document.querySelector('link[rel="service-desc"]').href;
// What comes before /api/v1 in the address bar: a proxy may have put a prefix there.
const root = address.slice(0, -"/api/v1/openapi.json".length);

async function load() {
  const answer = await fetch(address, { credentials: "omit" });
  if (!answer.ok) throw new Error(`the document was answered with ${answer.status}`);
  return answer.json();
}

function show(openapi) {
  const page = { root, server: openapi.servers[0].url, schemas: new Schemas(openapi) };
  const operations = operationsOf(openapi);
  const groups = openapi.tags.map((tag) => ({
    ...tag,
    operations: operations.filter((each) => each.tag === tag.name),
  }));
  byId("version").textContent = openapi.info.version;
  const intro = make(
    "section",
    { class: "intro" },
    paragraphs(openapi.info.description ?? ""),
    make("p", {}, "Address: ", make("code", {}, page.server), " · ", make("a", { href: address }, "openapi.json")),
  );
  const nothing = make("p", { id: "nothing", role: "status", hidden: true }, "No operation matches the filter.");
  byId("operations").replaceChildren(intro, nothing, ...groups.map((group) => section(group, page)));
  const all = make("details", { open: matchMedia("(min-width: 60rem)").matches }, make("summary", {}, "All operations"));
  all.append(...groups.map(contents));
  byId("contents").replaceChildren(all);
  return operations;
}

function section(group, page) {
  return make(
    "section",
    { class: "group", "aria-label": group.name },
    make("h2", {}, group.name),
    group.description && paragraphs(group.description),
    group.operations.map((each) => operationCard(each, page)),
  );
}

function contents(group) {
  return make(
    "section",
    {},
    make("h3", {}, group.name),
    make("ul", {}, group.operations.map((each) => make("li", { "data-for": each.operationId }, link(each)))),
  );
}

function link(operation) {
  const method = make("span", { class: `method ${operation.method.toLowerCase()}` }, operation.method);
  const path = make("span", { class: "path" }, pathNodes(operation.path, { short: true }));
  return make("a", { href: `#${operation.operationId}`, title: operation.summary }, method, path);
}

/** Leave only what has every word of the filter in its method, path, summary or tag. */
function filter(operations, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const each of operations) {
    const about = [each.method, each.path, each.summary, each.tag].join(" ").toLowerCase();
    const hidden = !words.every((word) => about.includes(word));
    byId(each.operationId).hidden = hidden;
    document.querySelector(`[data-for="${each.operationId}"]`).hidden = hidden;
    found += hidden ? 0 : 1;
  }
  for (const group of document.querySelectorAll(".group, .contents section")) {
    group.hidden = !group.querySelector(".operation:not([hidden]), li:not([hidden])");
  }
  byId("nothing").hidden = found > 0;
}

/** Open the operation that the address names. */
function follow() {
  const card = byId(decodeURIComponent(location.hash.slice(1)));
  if (!card?.classList.contains("operation")) return;
  card.open = true;
  card.scrollIntoView({ block: "start" });
  card.querySelector("summary").focus({ preventScroll: true });
}

mountSession(byId("session"), root);
try {
  const operations = show(await load());
  byId("filter").addEventListener("input", (event) => filter(operations, event.target.value));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    byId("filter").focus();
  });
  addEventListener("hashchange", follow);
  follow();
} catch (error) {
  byId("operations").replaceChildren(make("p", { class: "problem", role: "alert" }, `The document could not be loaded: ${error.message}.`));
}
