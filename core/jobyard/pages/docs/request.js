// A request: made from what the reader filled in, shown as a line of curl, and sent.

const LARGEST_SHOWN = 512 * 1024;

/**
 * Be one request. `values` has [parameter, text] pairs; `body` is a text or null, `accept` a media
 * type or null.
 */
export class Draft {
  constructor({ method, path, values, body, accept, usesToken }) {
    this.method = method;
    this.target = target(path, values);
    this.headers = headers(values, body, accept);
    this.body = body;
    this.usesToken = usesToken;
  }

  /** Spell the request as curl does, with `$TOKEN` in the place of the token. */
  curl(server) {
    const parts = ["curl"];
    if (this.method !== "GET") parts.push(`-X ${this.method}`);
    parts.push(quoted(`${server}${this.target}`));
    if (this.usesToken) parts.push('-H "Authorization: Bearer $TOKEN"');
    for (const [name, value] of this.headers) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
    if (this.body !== null) parts.push(`${this.body.startsWith("@") ? "--data-raw" : "-d"} ${quoted(this.body)}`);
    const line = parts.slice(0, -1).join(" ").length > 60 ? " \\\n  " : " ";
    return parts.length > 3 || this.body ? parts.join(line).replace(/^curl \\\n {2}/, "curl ") : parts.join(" ");
  }

  /** Send the request; the answer's body is read up to a limit, and told as it comes. */
  async send({ root, token, signal, onprogress }) {
    const headers = new Headers(this.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const began = performance.now();
    const answer = await fetch(root + this.target, {
      method: this.method,
      headers,
      body: this.body,
      credentials: "omit",
      cache: "no-store",
      signal,
    });
    const found = {
      status: answer.status,
      phrase: answer.statusText,
      headers: [...answer.headers],
      type: answer.headers.get("content-type") ?? "",
      text: "",
      binary: false,
      size: 0,
      cut: false,
      milliseconds: performance.now() - began,
    };
    await read(answer, found, onprogress);
    return found;
  }
}

async function read(answer, found, onprogress) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = answer.body?.getReader();
  onprogress(found);
  while (reader) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      found.cut = true;
      return;
    }
    if (part.done) return;
    found.size += part.value.length;
    try {
      if (!found.binary) found.text += decoder.decode(part.value, { stream: true });
    } catch {
      found.binary = true;
    }
    onprogress(found);
    if (found.size > LARGEST_SHOWN) {
      found.cut = true;
      await reader.cancel();
      return;
    }
  }
}

function target(path, values) {
  const query = new URLSearchParams();
  for (const [parameter, text] of values) {
    if (parameter.in === "path") {
      const parts = parameter["x-wildcard"] ? text.split("/") : [text];
      path = path.replace(`{${parameter.name}}`, () => parts.map(encodeURIComponent).join("/"));
    } else if (parameter.in === "query" && text !== "") {
      const many = parameter.schema.type === "array" ? text.split(",") : [text];
      for (const each of many) query.append(parameter.name, each.trim());
    }
  }
  return query.size ? `${path}?${query}` : path;
}

function headers(values, body, accept) {
  const found = values
    .filter(([parameter, text]) => parameter.in === "header" && text !== "")
    .map(([parameter, text]) => [parameter.name, text]);
  if (accept) found.push(["Accept", accept]);
  if (body !== null) found.push(["Content-Type", "application/json"]);
  return found;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
