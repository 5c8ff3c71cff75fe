/*
 * Answers of models, asked for and shown as the widgets do it, with the readers of Markdown and HTML that this takes. A module of its own: it comes
 * when the first answer is asked for or the first text is shown.
 */
export { Api } from "../../../widgets/src/client/api.js";
export { Run, TIMING } from "../../../widgets/src/client/run.js";
export { codeToCopy, RichText } from "../../../widgets/src/rich/rich_text.js";
export { sanitize } from "../../../widgets/src/rich/sanitize.js";
export { english } from "../../../widgets/src/words/en.js";
