// Who the page's reader is. The token lives in this module alone: it is gone with the page.

import { make } from "./dom.js";

let token = null;
let user = null;

/** Give the token of whoever logged in, or null. */
export const currentToken = () => token;
/** Give the name of whoever logged in, or null. */
export const currentUser = () => user?.user ?? null;

/** Put the log-in form, or who is logged in, into a place of the page. */
export function mountSession(place, root) {
  const show = () => place.replaceChildren(token ? signedIn(show) : logIn(root, show));
  show();
}

function signedIn(show) {
  const leave = make("button", { type: "button", class: "quiet" }, "Log out");
  leave.addEventListener("click", () => {
    change(null, null);
    show();
    document.querySelector("#session summary")?.focus();
  });
  const role = user.admin ? "administrator" : "user";
  return make("p", { class: "who", role: "status" }, make("strong", {}, user.user), make("span", { class: "role" }, role), leave);
}

function logIn(root, show) {
  const problem = make("p", { class: "problem", role: "alert", hidden: true });
  const send = make("button", { type: "submit" }, "Log in");
  const form = make(
    "form",
    { class: "log-in" },
    field("Name", { name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false" }),
    field("Password", { name: "password", type: "password", autocomplete: "current-password" }),
    send,
    problem,
    make("p", { class: "hint" }, "The token is kept in this page's memory only."),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    problem.hidden = true;
    try {
      await obtain(root, Object.fromEntries(new FormData(form)));
      show();
      document.querySelector("#session button")?.focus();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      send.disabled = false;
    }
  });
  const details = make("details", { class: "popover" }, make("summary", { class: "button" }, "Log in"), form);
  details.addEventListener("toggle", () => details.open && form.elements.username.focus());
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    details.open = false;
    details.firstChild.focus();
  });
  return details;
}

function field(label, attributes) {
  return make("label", {}, make("span", {}, label), make("input", { ...attributes, required: true }));
}

async function obtain(root, credentials) {
  const answer = await fetch(`${root}/api/v1/token`, {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(credentials),
  });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.message);
  change(found.token, found);
}

function change(newToken, newUser) {
  token = newToken;
  user = newUser;
  document.dispatchEvent(new CustomEvent("session"));
}
