// The actions on an execution and its tasks: what each asks before it is done.

import { h } from "./dom.js";
import { question, reasonField, say } from "./dialogs.js";
import { isOpen } from "./model.js";

const ON_EXECUTION = [
  { verb: "pause", label: "Pause", text: "Nothing new begins until it is resumed; what runs may end." },
  { verb: "resume", label: "Resume", main: true, text: "It goes on where it was paused." },
  {
    verb: "retry",
    label: "Retry",
    main: true,
    text: "What failed, timed out or was cancelled is tried again, with inputs resolved anew.",
    fields: () => [{ name: "subWorkflows", label: "Go on inside of sub-workflows that failed, instead of starting them again", kind: "check", value: true }],
  },
  {
    verb: "restart",
    label: "Restart",
    text: "All is done again from the start: same id, same input.",
    fields: (execution) => [
      { name: "latest", label: "Definition", kind: "choice", options: [["", `the one that it had (version ${execution.version})`], ["latest", "the latest version"]] },
    ],
  },
  {
    verb: "update-variables",
    label: "Variables",
    text: "Variables named here are set, others stay. Inputs that are resolved from now on see them.",
    fields: () => [{ name: "variables", label: "Variables", kind: "json" }],
  },
  { verb: "terminate", label: "Terminate", danger: true, text: "It ends now with its sub-workflows; open tasks are cancelled." },
];

const ON_TASK = [
  {
    verb: "complete-task",
    label: "Complete",
    main: true,
    when: (task) => task && isOpen(task.status),
    text: "The task ends with this output, and the execution goes on.",
    fields: () => [{ name: "output", label: "Output", kind: "json" }],
  },
  {
    verb: "fail-task",
    label: "Fail",
    danger: true,
    when: (task) => task && isOpen(task.status),
    text: "This attempt fails; the retry policy decides what follows.",
    fields: () => [{ name: "terminal", label: "Without a retry", kind: "check" }],
  },
  {
    verb: "rerun",
    label: "Rerun from here",
    when: (task) => task && !isOpen(task.status),
    text: "This task and all that followed from it is done again, and what did not succeed.",
    fields: (task, detail) => [{ name: "input", label: "Input of the task", kind: "json", value: detail ? detail.input : {}, help: "As it was; change it, or leave it so." }],
    body: (values, ref, task, detail) => ({ reason: values.reason, task: task.id, input: detail && JSON.stringify(values.input) === JSON.stringify(detail.input) ? null : values.input }),
  },
  {
    verb: "skip-task",
    label: "Skip",
    when: (task) => !task,
    text: "The task is passed over with this output when the flow comes to it.",
    fields: () => [{ name: "output", label: "Output", kind: "json" }],
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

/**
 * The buttons for what may be done to a task now. `task` is null where it was not reached; `detail` gives what was
 * loaded of it, when asked.
 */
export function taskActions({ ref, task, executionId, verbs, detail }, done) {
  return ON_TASK.filter((action) => verbs.includes(action.verb) && action.when(task)).map((action) =>
    button(action, () => {
      const known = detail();
      question({
        title: `${action.label} ${ref}?`.replace("from here ", "from "),
        text: action.text,
        verb: action.label,
        danger: action.danger,
        fields: [...action.fields(task, known), reasonField(action.verb !== "complete-task")],
        path: ["execution", executionId, action.verb],
        body: (values) => (action.body ? action.body(values, ref, task, known) : { ...values, ref }),
        done: (answer) => {
          say(`${action.label} ${ref}: done`);
          return done(answer, action);
        },
      });
    }),
  );
}
