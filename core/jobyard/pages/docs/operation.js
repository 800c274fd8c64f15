// One operation: what it takes, what it answers, and a form to try it with.

import { showAnswer, showFailure } from "./answer.js";
import { copyButton, make, paragraphs, pathNodes, prose } from "./dom.js";
import { Draft } from "./request.js";
import { currentToken, currentUser } from "./session.js";

/** Give all operations of a document, in its order. */
export function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
      tag: operation.tags?.[0] ?? "other",
    })),
  );
}

/** Make an operation's card; its inside is made when it is opened first. */
export function operationCard(operation, page) {
  const card = make(
    "details",
    { class: "operation", id: operation.operationId },
    make(
      "summary",
      {},
      make("span", { class: `method ${operation.method.toLowerCase()}` }, operation.method),
      make("code", { class: "path" }, pathNodes(operation.path)),
      make("span", { class: "what" }, operation.summary),
      needsToken(operation) && make("span", { class: "badge" }, "token"),
    ),
  );
  const open = () => {
    if (!card.open || card.childElementCount > 1) return;
    card.append(new OperationForm(operation, page).element);
  };
  card.addEventListener("toggle", open);
  return card;
}

function needsToken(operation) {
  const ways = operation.security ?? [];
  return ways.length > 0 && ways.every((way) => Object.keys(way).length > 0);
}

class OperationForm {
  constructor(operation, page) {
    this.operation = operation;
    this.page = page;
    this.inputs = [];
    this.result = make("div", { class: "result", role: "status", "aria-live": "polite" });
    this.curl = make("pre", { tabindex: "0", "aria-label": "The request as a line of curl" });
    this.send = make("button", { type: "submit" }, "Send");
    this.stop = make("button", { type: "button", class: "quiet", hidden: true }, "Stop");
    this.form = this.makeForm();
    this.element = make("div", { class: "inside" }, this.about(), this.form, this.answers());
    this.refresh();
    document.addEventListener("session", () => this.refresh());
  }

  about() {
    const { description, security = [] } = this.operation;
    const who = needsToken(this.operation)
      ? "Needs a token."
      : security.length
        ? "Anybody may call this; with a token it may show more."
        : "Anybody may call this.";
    return make("div", { class: "about" }, description && paragraphs(description), make("p", { class: "hint" }, who));
  }

  makeForm() {
    const form = make(
      "form",
      {},
      make("h4", {}, "Request"),
      (this.operation.parameters ?? []).map((each) => this.parameter(each)),
      this.choiceOfAnswer(),
      this.body(),
      make("div", { class: "code curl" }, this.curl, copyButton(() => this.curl.textContent, "the line of curl")),
      make("div", { class: "actions" }, this.send, this.stop),
      this.result,
    );
    form.addEventListener("input", () => this.refresh());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.try();
    });
    return form;
  }

  parameter(parameter) {
    const id = `${this.operation.operationId}.${parameter.in}.${parameter.name}`;
    const input = this.control(parameter, id);
    this.inputs.push([parameter, input]);
    const where = { path: "in the path", query: "in the query", header: "header" }[parameter.in];
    return make(
      "div",
      { class: "parameter" },
      make("label", { for: id }, make("code", {}, parameter.name), make("span", { class: "where" }, where)),
      input,
      make(
        "p",
        { class: "hint", id: `${id}.hint` },
        parameter.description && [prose(parameter.description), " "],
        make("span", { class: "type" }, this.page.schemas.words(parameter.schema)),
        parameter.schema.type === "array" && "; several are separated by commas",
      ),
    );
  }

  control(parameter, id) {
    const common = { id, name: parameter.name, "aria-describedby": `${id}.hint`, required: parameter.in === "path" && !parameter["x-wildcard"] };
    const choices = parameter.schema.enum;
    if (choices) {
      return make("select", common, make("option", { value: "" }, "–"), choices.map((each) => make("option", { value: each }, each)));
    }
    return make("input", { ...common, type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  }

  choiceOfAnswer() {
    const types = new Set(
      Object.entries(this.operation.responses)
        .filter(([status]) => status.startsWith("2"))
        .flatMap(([, answer]) => Object.keys(answer.content ?? {})),
    );
    if (types.size < 2) return null;
    const id = `${this.operation.operationId}.accept`;
    this.accept = make("select", { id }, make("option", { value: "" }, "–"), [...types].map((each) => make("option", { value: each }, each)));
    const label = make("label", { for: id }, make("code", {}, "Accept"), make("span", { class: "where" }, "header"));
    return make("div", { class: "parameter" }, label, this.accept, make("p", { class: "hint" }, "In which form to answer."));
  }

  body() {
    const schema = this.operation.requestBody?.content?.["application/json"]?.schema;
    if (!schema) return null;
    const { schemas } = this.page;
    const text = JSON.stringify(schemas.example(schema), null, 2);
    const id = `${this.operation.operationId}.body`;
    this.text = make("textarea", { id, rows: Math.min(18, text.split("\n").length + 1), spellcheck: "false" });
    this.text.value = text;
    const fields = schemas.fields(schema);
    return make(
      "div",
      { class: "body" },
      make("label", { for: id }, "Body ", make("span", { class: "where" }, "application/json")),
      this.text,
      fields && make("details", { class: "schema" }, make("summary", {}, "All fields"), fields),
    );
  }

  answers() {
    const rows = Object.entries(this.operation.responses).map(([status, answer]) => this.answer(status, answer));
    return make("section", { class: "answers" }, make("h4", {}, "Answers"), make("ul", {}, rows));
  }

  answer(status, answer) {
    const [type, content] = Object.entries(answer.content ?? {})[0] ?? [];
    const codes = content?.schema?.allOf?.[1]?.properties?.code?.enum;
    const fields = codes || !content?.schema ? null : this.page.schemas.fields(content.schema);
    const headers = Object.entries(answer.headers ?? {}).filter(([name]) => name !== "X-Request-ID");
    return make(
      "li",
      {},
      make("strong", { class: `status-${status[0]}` }, status),
      make("span", {}, prose(answer.description)),
      codes && make("span", { class: "codes" }, codes.map((code) => make("code", {}, code))),
      !codes && type && make("span", { class: "type" }, Object.keys(answer.content).join(", ")),
      headers.map(([name, header]) => make("p", { class: "hint" }, make("code", {}, name), " ", prose(header.description ?? ""))),
      fields && make("details", { class: "schema" }, make("summary", {}, "Fields"), fields),
    );
  }

  refresh() {
    for (const [parameter, input] of this.inputs) {
      if (parameter.in === "path" && parameter.name === "username" && input.value === "") input.value = currentUser() ?? "";
    }
    this.curl.textContent = this.draft().curl(this.page.server);
  }

  draft() {
    const token = currentToken() !== null && (this.operation.security ?? []).length > 0;
    return new Draft({
      method: this.operation.method,
      path: this.operation.path,
      values: this.inputs.map(([parameter, input]) => [parameter, input.value]),
      body: this.text ? this.text.value : null,
      accept: this.accept?.value || null,
      usesToken: token || needsToken(this.operation),
    });
  }

  async try() {
    const control = new AbortController();
    const halt = () => control.abort();
    this.stop.addEventListener("click", halt);
    this.stop.hidden = false;
    this.send.disabled = true;
    this.result.setAttribute("aria-busy", "true");
    const show = (found, done) => this.result.replaceChildren(...showAnswer(found, done));
    try {
      const found = await this.draft().send({
        root: this.page.root,
        token: currentToken(),
        signal: control.signal,
        onprogress: (part) => show(part, false),
      });
      show(found, true);
    } catch (error) {
      this.result.replaceChildren(...showFailure(error));
    } finally {
      this.stop.removeEventListener("click", halt);
      this.stop.hidden = true;
      this.send.disabled = false;
      this.result.removeAttribute("aria-busy");
    }
  }
}
