/* A chunk of its own: uPlot and nothing of ours. Its style sheet is part of admin.css. */
export { default } from "uplot";
