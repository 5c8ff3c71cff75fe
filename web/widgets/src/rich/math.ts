/* Formulas, as MathML: browsers draw it and screen readers read it, without fonts and styles from anywhere. KaTeX comes when the first is there. */

type Katex = typeof import("katex").default;

/** Longer than any formula of a person; KaTeX's time grows with it. */
const FORMULA_MAX = 4000;

let katex: Katex | undefined;
let loading: Promise<Katex | undefined> | undefined;

function load(): Promise<Katex | undefined> {
    loading ??= import("katex").then(
        (module) => (katex = module.default),
        () => {
            loading = undefined;
            return undefined;
        },
    );
    return loading;
}

function draw(place: HTMLElement): void {
    const source = place.textContent ?? "";
    place.dataset["drawn"] = "";
    if (source.length > FORMULA_MAX) return;
    const inside = document.createElement("span");
    try {
        katex!.render(source, inside, {
            displayMode: place.dataset["math"] === "block",
            output: "mathml",
            throwOnError: true,
            trust: false,
            strict: "ignore",
            maxSize: 20,
            maxExpand: 200,
        });
        place.replaceChildren(...inside.childNodes);
    } catch {
        place.dataset["drawn"] = "source"; /* what is no formula stays as it was written */
    }
}

/** Draws the formulas below a node: now when KaTeX is there, else when it has come, in what `later` is by then. Without it, sources stay. */
export function drawMath(now: ParentNode, later: ParentNode): void {
    const places = now.querySelectorAll<HTMLElement>("[data-math]:not([data-drawn])");
    if (places.length === 0) return;
    if (katex) places.forEach(draw);
    else
        void load().then((loaded) => {
            if (loaded) later.querySelectorAll<HTMLElement>("[data-math]:not([data-drawn])").forEach(draw);
        });
}
