// JSON Schemas: what they accept in words, and an example of it.

import { make, prose } from "./dom.js";

const DEEPEST = 6;
const LARGEST_INTEGER = 2 ** 31 - 1;

/** Know the schemas that a document's references lead to. */
export class Schemas {
  constructor(document) {
    this.known = document.components?.schemas ?? {};
  }

  /** Follow references, and look behind `null` as an alternative. */
  resolve(schema) {
    const name = schema?.$ref?.split("/").pop();
    return name ? (this.known[name] ?? {}) : (schema ?? {});
  }

  /** Say in a few words what a schema accepts. */
  words(schema) {
    const shape = this.resolve(schema);
    if (shape.anyOf) return shape.anyOf.map((each) => this.words(each)).join(" or ");
    if (shape.enum) return shape.enum.map((each) => JSON.stringify(each)).join(", ");
    if (shape.const !== undefined) return JSON.stringify(shape.const);
    const types = [shape.type ?? "anything"].flat();
    const named = types.map((type) => (type === "array" && shape.items ? `array of ${this.words(shape.items)}` : type));
    return [named.join(" or "), ...bounds(shape)].join(", ");
  }

  /** Make an example: what is required, and what its author gave an example of. */
  example(schema, name = "", depth = 0) {
    const shape = this.resolve(schema);
    if (shape.examples?.length) return shape.examples[0];
    if (shape.default !== undefined) return shape.default;
    if (shape.enum) return shape.enum[0];
    if (shape.anyOf) return this.example(shape.anyOf[0], name, depth);
    const type = [shape.type].flat()[0];
    if (type === "object") return this.exampleObject(shape, depth);
    if (type === "array") return depth < DEEPEST && shape.items ? [this.example(shape.items, name, depth + 1)] : [];
    if (type === "integer" || type === "number") return shape.minimum ?? 0;
    if (type === "boolean") return false;
    return shape.format === "password" ? "" : name;
  }

  exampleObject(shape, depth) {
    const required = shape.required ?? [];
    const wanted = Object.entries(shape.properties ?? {}).filter(
      ([name, each]) => required.includes(name) || this.resolve(each).examples?.length,
    );
    return Object.fromEntries(wanted.map(([name, each]) => [name, this.example(each, name, depth + 1)]));
  }

  /** List the fields of an object, or of the objects in an array or a map; null if there are none. */
  fields(schema, depth = 0) {
    const shape = this.inner(schema);
    const properties = Object.entries(shape.properties ?? {});
    if (!properties.length || depth > DEEPEST) return null;
    const required = shape.required ?? [];
    return make(
      "ul",
      { class: "fields" },
      properties.map(([name, each]) => this.field(name, each, required.includes(name), depth)),
    );
  }

  field(name, schema, required, depth) {
    const shape = this.resolve(schema);
    const plain = [undefined, null, ""].includes(shape.default);
    const extra = plain ? "" : `default ${JSON.stringify(shape.default)}`;
    return make(
      "li",
      {},
      make("code", { class: "name" }, name),
      make("span", { class: "type" }, this.words(schema)),
      required && make("span", { class: "required" }, "required"),
      extra && make("span", { class: "default" }, extra),
      shape.description && make("p", {}, prose(shape.description)),
      this.fields(schema, depth + 1),
    );
  }

  /** Find the object that a schema is about: itself, its items, its values, or its non-null form. */
  inner(schema) {
    let shape = this.resolve(schema);
    for (let step = 0; step < DEEPEST && !shape.properties; step += 1) {
      const next = shape.items ?? shape.anyOf?.[0] ?? shape.additionalProperties;
      if (!next || next === true) break;
      shape = this.resolve(next);
    }
    return shape;
  }
}

function bounds(shape) {
  const words = [range(shape.minimum, shape.maximum, ""), range(shape.minLength, shape.maxLength, " characters")];
  words.push(range(shape.minItems, shape.maxItems, shape.minItems === 1 && !shape.maxItems ? " entry" : " entries"));
  if (shape.pattern) words.push(`matches ${shape.pattern}`);
  if (shape.format === "password") words.push("kept secret");
  return words.filter(Boolean);
}

function range(least, most, unit) {
  const top = most === LARGEST_INTEGER ? undefined : most;
  if (least === 1 && top === undefined && unit === " characters") return "not empty";
  if (least !== undefined && top !== undefined) return `${least} to ${top}${unit}`;
  if (least !== undefined) return `at least ${least}${unit}`;
  return top === undefined ? "" : `at most ${top}${unit}`;
}
