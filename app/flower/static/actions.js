// The actions on an execution and its tasks: what each asks before it is done.

import { h } from "./dom.js";
import { question, reasonField, say } from "./dialogs.js";
import { fullRef, isOpen } from "./model.js";

const ON_EXECUTION = [
  { verb: "terminate", label: "Terminate", danger: true, text: "The execution and its sub-workflows end now; open tasks are cancelled." },
];

const ON_TASK = [
  {
    verb: "complete-task",
    label: "Complete",
    when: (task) => isOpen(task.status),
    text: "The task ends with this output, and the execution goes on.",
    fields: () => [{ name: "output", label: "Output", kind: "json" }],
  },
  {
    verb: "fail-task",
    label: "Fail",
    danger: true,
    when: (task) => isOpen(task.status),
    text: "This attempt fails; the retry policy decides what follows.",
    fields: () => [{ name: "terminal", label: "Without a retry", kind: "check" }],
  },
];

function button(action, onclick) {
  return h("button", { type: "button", class: `btn btn-sm ${action.danger ? "btn-outline-danger" : action.main ? "btn-primary" : "btn-outline-secondary"}`, onclick, "data-verb": action.verb }, action.label);
}

/** The buttons for what may be done to an execution now. */
export function executionActions(execution, verbs, done) {
  return ON_EXECUTION.filter((action) => verbs.includes(action.verb)).map((action) =>
    button(action, () =>
      question({
        title: `${action.label} ${execution.name}?`,
        text: action.text,
        verb: action.label,
        danger: action.danger,
        fields: [...(action.fields ? action.fields(execution) : []), reasonField()],
        path: ["execution", execution.id, action.verb],
        done: (answer) => {
          say(`${action.label}: done`);
          return done(answer, action);
        },
      }),
    ),
  );
}

/** The buttons for what may be done to a task now. */
export function taskActions(task, executionId, verbs, done) {
  return ON_TASK.filter((action) => verbs.includes(action.verb) && action.when(task)).map((action) =>
    button(action, () =>
      question({
        title: `${action.label} ${fullRef(task)}?`,
        text: action.text,
        verb: action.label,
        danger: action.danger,
        fields: [...action.fields(task), reasonField(action.verb !== "complete-task")],
        path: ["execution", executionId, action.verb],
        body: (values) => ({ ...values, ref: fullRef(task), taskId: task.id }),
        done: (answer) => {
          say(`${action.label}: done`);
          return done(answer, action);
        },
      }),
    ),
  );
}
