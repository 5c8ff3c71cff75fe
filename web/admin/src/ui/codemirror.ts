/*
 * A chunk of its own: CodeMirror with JSON5, and the few lines that hold it. It stands in a shadow root, where it can add its style sheets under a
 * policy that allows no inline ones. Tab leaves the editor, as it does every field.
 */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, forceLinting, linter, lintGutter } from "@codemirror/lint";
import { EditorState, StateEffect } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { json5, json5ParseLinter } from "codemirror-json5";

/** Something that is wrong: at a line and column, both from 1; without, at the beginning. */
export interface Mark {
    message: string;
    line?: number;
    column?: number;
}

export interface CodeEditor {
    show(text: string, marks: readonly Mark[]): void;
    /** Puts the caret there, both from 1. */
    goTo(line: number, column: number): void;
    destroy(): void;
}

interface Options {
    text: string;
    label: string;
    readonly: boolean;
    changed: (text: string) => void;
}

const highlight = HighlightStyle.define([
    { tag: tags.string, color: "var(--ok)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--series-2)" },
    { tag: tags.propertyName, color: "var(--accent)" },
    { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
]);

const look = EditorView.theme({
    "&": {
        color: "var(--text)",
        backgroundColor: "var(--surface)",
        border: "1px solid var(--field)",
        borderRadius: "var(--radius)",
        fontSize: "0.875rem",
    },
    "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "2px" },
    ".cm-scroller": { fontFamily: "ui-monospace, 'DejaVu Sans Mono', monospace", minHeight: "12rem", maxHeight: "70vh" },
    ".cm-content": { caretColor: "var(--text)" },
    ".cm-cursor": { borderLeftColor: "var(--text)" },
    ".cm-gutters": { backgroundColor: "var(--inset)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
    ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
    "&.cm-focused .cm-activeLine, &.cm-focused .cm-activeLineGutter": { backgroundColor: "var(--inset)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor:
        "color-mix(in srgb, var(--accent) 30%, transparent)" },
    ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--field)" },
});

function diagnostic(state: EditorState, mark: Mark): Diagnostic {
    const line = state.doc.line(Math.min(Math.max(mark.line ?? 1, 1), state.doc.lines));
    const from = Math.min(line.from + Math.max((mark.column ?? 1) - 1, 0), line.to);
    return { from, to: line.to, severity: "error", message: mark.message };
}

export function openEditor(parent: HTMLElement, { text, label, readonly, changed }: Options): CodeEditor {
    let shown: readonly Mark[] = [];
    const marked = StateEffect.define<null>();
    const parse = json5ParseLinter();
    /* What cannot be read is told at once; only then what the server has said of it. */
    const lint = linter((view) => {
        const own = readonly ? [] : (parse(view) as Diagnostic[]);
        return own.length ? own : shown.map((mark) => diagnostic(view.state, mark));
    }, { delay: 300, needsRefresh: (update) => update.transactions.some((one) => one.effects.some((effect) => effect.is(marked))) });
    const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
    const view = new EditorView({
        parent: root,
        root,
        state: EditorState.create({
            doc: text,
            extensions: [
                lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine(), lintGutter(),
                syntaxHighlighting(highlight), look,
                json5(), lint,
                keymap.of([...defaultKeymap, ...historyKeymap]),
                EditorView.lineWrapping,
                EditorState.readOnly.of(readonly),
                EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
                EditorView.updateListener.of((update) => { if (update.docChanged) changed(update.state.doc.toString()); }),
            ],
        }),
    });
    return {
        show(wanted, marks) {
            if (wanted !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: wanted } });
            if (marks === shown) return;
            shown = marks;
            view.dispatch({ effects: marked.of(null) });
            forceLinting(view);
        },
        goTo(line, column) {
            const at = diagnostic(view.state, { line, column, message: "" }).from;
            view.dispatch({ selection: { anchor: at }, scrollIntoView: true });
            view.focus();
        },
        destroy: () => view.destroy(),
    };
}
