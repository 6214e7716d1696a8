// Starting a workflow: a form from its input schema where it has one, else JSON; also 'start like this one'.

import { get, url } from "./api.js";
import { question } from "./dialogs.js";

/** The fields of a schema of plain properties; null: it has others, which only JSON can say. */
function fieldsOf(schema, input) {
  const properties = Object.entries((schema && schema.properties) || {});
  const kinds = { string: "text", integer: "number", number: "number", boolean: "check" };
  if (!properties.length || properties.some(([, property]) => !property.enum && !kinds[property.type])) return null;
  const required = ([name]) => (schema.required || []).includes(name);
  properties.sort((a, b) => required(b) - required(a));
  return properties.map(([name, property]) => ({
    name: `input.${name}`,
    label: property.title || name,
    help: property.description,
    required: (schema.required || []).includes(name) && property.type !== "boolean",
    value: input && name in input ? input[name] : property.default,
    kind: property.enum ? "choice" : kinds[property.type],
    options: property.enum ? [["", ""], ...property.enum.map((one) => [one, String(one)])] : undefined,
    step: property.type === "number" ? "any" : undefined,
  }));
}

function template(definition, input) {
  if (input) return input;
  const given = { ...(definition.inputTemplate || {}) };
  for (const name of definition.inputParameters || []) if (!(name in given)) given[name] = null;
  return given;
}

function inputOf(values) {
  if ("input" in values) return values.input;
  const input = {};
  for (const [name, value] of Object.entries(values)) {
    if (name.startsWith("input.") && value !== null && value !== "") input[name.slice(6)] = value;
  }
  return input;
}

/** Asks for the input of a workflow and starts it. `like`: what is known: name, version, input, correlationId. */
export async function startForm({ name, version, input, correlationId }) {
  const { definition } = await get(["definition"], { name, version });
  const schema = definition.inputSchema && definition.inputSchema.data;
  const own = fieldsOf(schema, input) || [{ name: "input", label: "Input", kind: "json", value: template(definition, input), rows: 12 }];
  question({
    title: `Start ${name}`,
    text: definition.description,
    verb: "Start",
    fields: [
      ...own,
      { name: "correlationId", label: "Correlation id", value: correlationId },
      { name: "priority", label: "Priority", kind: "number", min: 0, max: 99, value: 0, help: "0 to 99; the higher, the sooner" },
      { name: "idempotencyKey", label: "Idempotency key", help: "The same key starts it once." },
    ],
    path: ["start"],
    body: (values) => ({ name, version: version || null, input: inputOf(values), correlationId: values.correlationId, priority: values.priority, idempotencyKey: values.idempotencyKey }),
    done: ({ id }) => location.assign(url(["execution", id])),
  });
}

/** Asks which workflow, then as `startForm`. */
export function startAny(names) {
  question({
    title: "Start a workflow",
    verb: "Next",
    fields: [{ name: "name", label: "Definition", kind: "choice", options: names.map((name) => [name, name]) }],
    instead: (values) => startForm({ name: values.name }),
  });
}
