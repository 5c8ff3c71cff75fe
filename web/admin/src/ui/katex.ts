/* KaTeX as a module of its own: it comes when the first formula is shown. */
export { default } from "katex";
