// Elements, made of data and never of markup.

/** Make an element; children are nodes and texts, and what is null or false is left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, String(value));
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Give a sentence's nodes, in which `text` between backticks is code. */
export function prose(text) {
  return text
    .split("`")
    .map((part, index) => (index % 2 ? make("code", {}, part) : part))
    .filter((part) => part !== "");
}

/** Give a text's paragraphs, which empty lines separate. */
export function paragraphs(text) {
  return text.split(/\n\s*\n/).map((each) => make("p", {}, prose(each.replaceAll("\n", " "))));
}

const ROOT = "/api/v1";

/** Give a path's nodes: its root in the background, its parameters marked, breaks after slashes. */
export function pathNodes(path, { short = false } = {}) {
  const root = path.startsWith(ROOT) && path !== ROOT ? ROOT : "";
  const nodes = root && !short ? [make("span", { class: "root" }, root)] : [];
  for (const part of path.slice(root.length).split(/(\/|\{[^}]*\})/)) {
    if (part === "/") nodes.push(part, make("wbr"));
    else if (part.startsWith("{")) nodes.push(make("var", {}, part));
    else if (part) nodes.push(part);
  }
  return nodes;
}

/** Make a button that copies what `text` gives when it is pressed. */
export function copyButton(text, what) {
  const button = make("button", { type: "button", class: "quiet", "aria-label": `Copy ${what}` }, "Copy");
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}
