// The editor of the page: CodeMirror with YAML, problems at their place, shapes behind lines, completion.
// `npm run editor` bundles it into paramcalc/serve/page/editor.js.
import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, RangeSetBuilder, StateEffect, StateField, Transaction } from "@codemirror/state";
import {
  Decoration, EditorView, WidgetType, drawSelection, highlightActiveLine, keymap, lineNumbers,
} from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

class Hint extends WidgetType {
  constructor(text) { super(); this.text = text; }
  eq(other) { return other.text === this.text; }
  toDOM() {
    const node = document.createElement("span");
    node.className = "hint";
    node.textContent = this.text;
    return node;
  }
}

// What is written behind lines: pairs of a line's number and a text.
const putHints = StateEffect.define();
const hints = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    value = value.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(putHints)) continue;
      const builder = new RangeSetBuilder();
      for (const [line, text] of effect.value) {
        if (line > transaction.state.doc.lines) break;
        const end = transaction.state.doc.line(line).to;
        builder.add(end, end, Decoration.widget({ widget: new Hint(text), side: 1 }));
      }
      value = builder.finish();
    }
    return value;
  },
  provide: field => EditorView.decorations.from(field),
});

const KINDS = { operator: "function", class: "class", field: "property", value: "enum", keyword: "keyword", variable: "variable" };

// An editor in `parent`. `changed` is called after each change, `complete(text, offset)` gives the completions.
export function makeEditor(parent, { changed, complete }) {
  async function source(context) {
    const word = context.matchBefore(/[\w./=*-]+/);
    if (!word && !context.explicit && !/[-\s=]$/.test(context.state.sliceDoc(context.pos - 1, context.pos))) return null;
    if (!word && !context.explicit) return null;
    const found = await complete(context.state.doc.toString(), context.pos);
    if (!found || context.aborted) return null;
    return {
      from: found.start,
      options: found.options.map(({ label, type, detail, info }, place) => (
        { label, type: KINDS[type], detail, info: info || undefined, boost: Math.max(-99, 99 - place) })), // in their order
      validFor: /^[\w./*-]*$/,
    };
  }
  const listener = EditorView.updateListener.of(update => { if (update.docChanged) changed(update.view.state.doc.toString()); });
  const extensions = [
    lineNumbers(), lintGutter(), history(), drawSelection(), highlightActiveLine(), highlightSelectionMatches(), search(),
    bracketMatching(), closeBrackets(), indentOnInput(), yaml(), syntaxHighlighting(classHighlighter), hints,
    autocompletion({ override: [source], activateOnTypingDelay: 120 }),
    keymap.of([...completionKeymap, ...searchKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
    EditorView.contentAttributes.of({ "aria-label": "spec", spellcheck: "false" }),
    listener,
  ];
  const view = new EditorView({ parent, state: EditorState.create({ extensions }) });
  const within = place => Math.min(Math.max(place, 0), view.state.doc.length);
  return {
    text: () => view.state.doc.toString(),
    // Another text, from a file: what was typed before is no step back from it.
    open(text) { view.setState(EditorState.create({ doc: text, extensions })); changed(view.state.doc.toString()); },
    replace(start, end, text) {
      view.dispatch({ changes: { from: within(start), to: within(end), insert: text }, annotations: Transaction.userEvent.of("input.fix") });
    },
    mark(problems, pick) {
      const found = problems.map(problem => ({
        from: within(problem.start), to: within(problem.end), severity: problem.level,
        message: [problem.fact, ...problem.notes].join("\n"),
        actions: (problem.fixes || []).map(fix => ({ name: fix.title, apply: () => pick(fix) })),
      }));
      view.dispatch(setDiagnostics(view.state, found));
    },
    hint(lines) { view.dispatch({ effects: putHints.of(lines) }); },
    go(place) {
      view.dispatch({ selection: { anchor: within(place) }, effects: EditorView.scrollIntoView(within(place), { y: "center" }) });
      view.focus();
    },
    line(number) { this.go(view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines)).from); },
  };
}
